import RealPeers
import Testing

extension EndToEnd {
  /// What the processes ask of the kernel.
  @Suite(.enabled(if: Subject.isMartinet && SystemCallTrace.isAvailable))
  struct TraceTests {
    /// The most system calls of all processes together for one message of a busy relay.
    private static let callsPerMessageMax = 30.0
    /// The most flushes for one message of a busy relay.
    private static let flushesPerMessageMax = 0.1

    @Test(.timeLimit(.minutes(3)))
    func noMessageIsAcknowledgedBeforeItsRecordWasFlushed() throws {
      let sink = try ScriptedSink()
      let server = try MartinetInstance(relayPort: sink.port)
      try server.start()
      let trace = try SystemCallTrace(
        server.processes(role: "smtpd"),
        calls: "write,writev,sendto,sendmsg,pwrite64,pwritev,pwritev2,fdatasync,fsync")
      var load = MailLoad(port: server.port)
      load.sessions = 8
      load.size = { _ in 300 }
      let result = try load.run(0..<300, within: .seconds(60))
      #expect(result.acknowledged.count == 300)
      let history = CommitHistory(try trace.calls())
      #expect(history.acknowledged.count == 300)
      for id in result.acknowledged.values {
        let acknowledged = try #require(history.acknowledged[id], "\(id)")
        let flushed = try #require(history.flushed[id], "\(id) was never flushed")
        #expect(flushed < acknowledged, "\(id)")
      }
      try server.stop()
    }

    @Test(.timeLimit(.minutes(3)))
    func systemCallsAndFlushesPerMessageStayInTheirBudget() throws {
      let sink = try SMTPSink()
      let server = try MartinetInstance(relayPort: sink.port)
      try server.start()
      try SMTPSource.send(messages: 500, sessions: 100, size: 4096, port: server.port)
      try server.log.wait(forCount: 500, of: ": removed", until: .after(.seconds(60)))
      let trace = try SystemCallTrace(server.processes, counting: true)
      let count = 5000
      try SMTPSource.send(messages: count, sessions: 100, size: 4096, port: server.port)
      try server.log.wait(forCount: 500 + count, of: ": removed", until: .after(.seconds(60)))
      let counts = try trace.counts()
      let all = Double(counts.values.reduce(0, +)) / Double(count)
      let flushes =
        Double(counts["fdatasync", default: 0] + counts["fsync", default: 0])
        / Double(count)
      print("per message: \(all) system calls, \(flushes) flushes; \(counts)")
      #expect(all <= Self.callsPerMessageMax)
      #expect(flushes <= Self.flushesPerMessageMax)
      try server.stop()
    }
  }

  /// When each message was flushed and when it was acknowledged, as places in a trace.
  private struct CommitHistory {
    private(set) var flushed: [String: Int] = [:]
    private(set) var acknowledged: [String: Int] = [:]

    init(_ calls: [SystemCallTrace.Call]) {
      var written: [(id: String, descriptor: Int, ended: Int)] = []
      for call in calls where call.succeeded {
        switch call.name {
        case "pwrite64", "pwritev", "pwritev2":
          for id in Self.words(after: "SMTP id ", in: call.text) {
            written.append((id, call.descriptor ?? -1, call.ended))
          }
        case "fdatasync", "fsync":
          for one in written where one.descriptor == call.descriptor && one.ended < call.began {
            flushed[one.id] = flushed[one.id] ?? call.ended
          }
        default:
          for id in Self.words(after: "queued as ", in: call.text) { acknowledged[id] = call.began }
        }
      }
    }

    /// The words that follow a text wherever it stands.
    private static func words(after mark: String, in text: String) -> [String] {
      text.split(separator: mark).dropFirst().map {
        String($0.prefix { $0.isASCII && ($0.isLetter || $0.isNumber) })
      }
    }
  }
}
