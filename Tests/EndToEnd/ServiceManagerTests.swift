import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// As a service of systemd, which need not be there: its socket activation is a program.
  @Suite(.enabled(if: Subject.isMartinet && Program.find("systemd-socket-activate") != nil))
  struct ServiceManagerTests {
    @Test(.timeLimit(.minutes(1)))
    func socketsAreTakenOverAndTheManagerHearsWhatBecomesOfTheService() throws {
      let sink = try ScriptedSink()
      let folder = try TemporaryDirectory()
      let path = folder.path("notify")
      let manager = try #require(DatagramSocket(path))
      let server = try MartinetInstance(
        relayPort: sink.port,
        activation: ["--setenv=NOTIFY_SOCKET=\(path)", "--setenv=WATCHDOG_USEC=400000"])
      try server.start()
      let load = MailLoad(port: server.port)
      #expect(try load.run(0..<5, within: .seconds(20)).acknowledged.count == 5)
      try sink.wait(forCount: 5, until: .after(.seconds(20)))
      var heard: [String] = []
      while heard.count(where: { $0 == "WATCHDOG=1" }) < 3 || !heard.contains(ready) {
        heard.append(try #require(manager.receive(), "\(heard)"))
      }
      // The manager's socket goes on to the new processes.
      try server.command("reload")
      #expect(try load.run(5..<10, within: .seconds(20)).acknowledged.count == 5)
      let family = server.processes
      try server.stop()
      while let message = manager.receive(now: true) { heard.append(message) }
      #expect(heard.contains("STOPPING=1\nSTATUS=work in hand is being finished"), "\(heard)")
      let told = heard.filter { $0 == ready || $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") }
      #expect(told.count == 3 && told[0] == ready && told[2] == ready, "\(told)")
      #expect(RunningProcess.waitForEnd(of: family, until: .after(.seconds(5))))
    }

    private let ready = "READY=1\nSTATUS=every process serves"
  }
}
