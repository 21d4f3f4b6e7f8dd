import RealPeers
import Testing

extension EndToEnd {
  /// `session_limit` with several processes on one listening socket.
  @Suite(.enabled(if: Subject.isMartinet))
  struct SessionLimitTests {
    @Test(.timeLimit(.minutes(2)))
    func aFullProcessLeavesConnectionsToTheOthers() throws {
      let server = try MartinetInstance(
        settings: ["smtpd_process_count": "3", "session_limit": "30"])
      try server.start()
      // Each process takes ten, and all thirty are greeted at once, whoever is woken.
      let open = try (0..<30).map { _ in try SMTPDialog(greetedAt: server.port) }
      for dialog in open { try dialog.say("QUIT", expecting: 221) }
      try server.stop()
    }
  }
}
