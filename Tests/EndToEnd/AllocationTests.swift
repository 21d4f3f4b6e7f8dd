import RealPeers
import Testing

extension EndToEnd {
  /// How often the processes ask for memory.
  @Suite(.enabled(if: Subject.isMartinet && AllocationCount.isAvailable))
  struct AllocationTests {
    /// The most allocations of all processes together for one message of a busy relay.
    private static let allocationsPerMessageMax = 80.0

    @Test(.timeLimit(.minutes(3)))
    func allocationsPerMessageStayInTheirBudget() throws {
      let counts = try AllocationCount()
      let sink = try SMTPSink()
      let server = try MartinetInstance(
        relayPort: sink.port, executable: AllocationCount.executable)
      try server.start()
      try SMTPSource.send(messages: 500, sessions: 100, size: 4096, port: server.port)
      try server.log.wait(forCount: 500, of: ": removed", until: .after(.seconds(60)))
      let roles = server.processes
      let before = try roles.map { try counts.read($0) }
      let count = 5000
      try SMTPSource.send(messages: count, sessions: 100, size: 4096, port: server.port)
      try server.log.wait(forCount: 500 + count, of: ": removed", until: .after(.seconds(60)))
      var all = 0.0
      for (role, start) in zip(roles, before) {
        let made = Double(try counts.read(role) - start) / Double(count)
        print("per message: \(made) allocations in \(role.arguments.last ?? "")")
        all += made
      }
      // A process that was not counted would make the budget easy to keep.
      #expect(before.allSatisfy { $0 > 0 })
      #expect(all > 1)
      #expect(all <= Self.allocationsPerMessageMax)
      try server.stop()
    }
  }
}
