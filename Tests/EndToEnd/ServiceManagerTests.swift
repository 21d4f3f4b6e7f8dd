import Glibc
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

    @Test(.timeLimit(.minutes(1)))
    func eachNamedSocketServesTheServiceOfItsName() throws {
      let own = try Loopback.freePort()
      let ports = try (0..<2).map { _ in try Loopback.freePort() }
      let server = try MartinetInstance(
        services: [
          "submission inet n - n - - smtpd -o { smtpd_banner = $myhostname the first }",
          "smtps inet n - n - - smtpd -o { smtpd_banner = $myhostname the other }",
          "127.0.0.1:\(own) inet n - n - - smtpd",
        ],
        activation: ports.map { "--listen=127.0.0.1:\($0)" } + ["--fdname=main:smtps:submission"])
      try server.start()
      #expect(try SMTPDialog(port: ports[0]).reply().lines == ["220 mx.martinet.test the other"])
      #expect(try SMTPDialog(port: ports[1]).reply().lines == ["220 mx.martinet.test the first"])
      // A service without a socket of the manager's opens its own.
      try SMTPDialog(port: own).expect(220)
      #expect(server.log.count(of: "belongs to no service") == 0)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func signsOfLifeStopWhenMasterHangsAndOnlyThen() throws {
      let folder = try TemporaryDirectory()
      let path = folder.path("notify")
      let manager = try #require(DatagramSocket(path))
      let interval = Duration.seconds(1)
      let server = try MartinetInstance(
        settings: ["service_watchdog_timeout": "1s"],
        activation: ["--setenv=NOTIFY_SOCKET=\(path)", "--setenv=WATCHDOG_USEC=1000000"])
      try server.start()
      // A role that hangs is replaced, and is none of the manager's business.
      let victim = try #require(server.processes(role: "smtp").first)
      victim.send(SIGSTOP)
      try hear(4, of: manager, within: interval * 3)
      #expect(RunningProcess.waitForEnd(of: [victim], until: .after(.seconds(20))))
      try server.log.wait(
        for: "smtp pid \(victim.pid) watchdog timeout", until: .after(.seconds(20)))
      try hear(2, of: manager, within: interval * 3)
      let master = try #require(server.master)
      master.send(SIGSTOP)
      // As the manager does: no sign within the time is a system that hangs.
      while manager.receive(within: interval * 3) != nil {}
      master.send(SIGCONT)
      try hear(2, of: manager, within: interval * 10)
      try server.stop()
    }

    /// Takes signs of life, none of which may be late.
    private func hear(_ count: Int, of manager: DatagramSocket, within time: Duration) throws {
      var signs = 0
      while signs < count {
        if try #require(manager.receive(within: time)) == "WATCHDOG=1" { signs += 1 }
      }
    }

    private let ready = "READY=1\nSTATUS=every process serves"
  }
}
