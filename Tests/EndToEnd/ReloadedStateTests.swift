import Foundation
import RealPeers
import TLSEngine
import TestSupport
import Testing

extension EndToEnd {
  /// What processes of before and after a reload have in common, and what they do not.
  @Suite(.enabled(if: Subject.isMartinet))
  struct ReloadedStateTests {
    @Test(.timeLimit(.minutes(2)))
    func aRenewedCertificateIsServedWhileAnOldSessionGoesOn() throws {
      let keys = try CertificateFiles()
      let sink = try ScriptedSink()
      let server = try MartinetInstance(relayPort: sink.port, settings: keys.settings)
      try server.start()
      // Whose certificate is not the one in the file is refused by this client.
      func serves(_ certificate: String) throws -> Bool {
        try Program.outcome(
          "openssl",
          [
            "s_client", "-starttls", "smtp", "-connect", "127.0.0.1:\(server.port)",
            "-CAfile", keys.path(certificate), "-verify_hostname", "mx.test",
            "-verify_return_error",
          ]
        ).exit == .code(0)
      }
      let old = try SMTPDialog(greetedAt: server.port)
      try old.say("STARTTLS", expecting: 220)
      try old.secure(.unverifiedClient())
      try old.say("EHLO client.test", expecting: 250)
      try old.say("MAIL FROM:<a@source.test>", expecting: 250)
      let renewed = try TestCertificates.make(.ecdsa)
      try keys.write(renewed.certificate, to: "renewed.pem")
      try keys.write(renewed.certificate, to: "ecdsa.pem")
      try keys.write(renewed.key, to: "ecdsa.key")
      #expect(try !serves("renewed.pem"), "read before the reload")
      try server.command("reload")
      #expect(try serves("renewed.pem"))
      try old.say("RCPT TO:<b@sink.test>", expecting: 250)
      try old.say("DATA", expecting: 354)
      try old.say("Subject: over the old session\r\n\r\nbody\r\n.", expecting: 250)
      try sink.wait(forCount: 1, until: .after(.seconds(20)))
      try old.say("QUIT", expecting: 221)

      // A key that does not fit is found out before anything is changed.
      try keys.write(try TestCertificates.make(.ecdsa).key, to: "ecdsa.key")
      let family = Set(server.processes)
      let command = try server.outcome(of: "reload")
      #expect(command.exit == .code(1))
      #expect(command.errors.contains("the private key is not that of"), "\(command.errors)")
      #expect(command.errors.contains("main.cf, line "), "\(command.errors)")
      #expect(Set(server.processes) == family)
      #expect(try serves("renewed.pem"))
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func aTicketOfBeforeIsGoodAfterwards() throws {
      let keys = try CertificateFiles()
      let server = try MartinetInstance(settings: keys.settings)
      try server.start()
      let context = try TLSContext.unverifiedClient()
      let old = try SMTPDialog(greetedAt: server.port)
      try old.say("STARTTLS", expecting: 220)
      try old.secure(context)
      try old.say("NOOP", expecting: 250)
      let ticket = try #require(old.resumption)
      try server.command("reload")
      let fresh = try SMTPDialog(greetedAt: server.port)
      try fresh.say("STARTTLS", expecting: 220)
      #expect(try fresh.secure(context, resuming: ticket).isResumed)
      try fresh.say("QUIT", expecting: 221)
      try old.say("QUIT", expecting: 221)
      try server.stop()
    }

    /// Sessions and events of a client count once, whichever process has them.
    @Test(.timeLimit(.minutes(2)))
    func clientsAreCountedAcrossReloads() throws {
      let server = try MartinetInstance(settings: [
        "mynetworks": "192.0.2.0/24", "mydestination": "here.test",
        "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_client_connection_count_limit": "3", "smtpd_client_connection_rate_limit": "0",
        "smtpd_client_message_rate_limit": "2", "smtpd_process_count": "2",
      ])
      try server.start()
      var open: [SMTPDialog] = []
      for _ in 0..<3 {
        let dialog = try SMTPDialog(port: server.port, from: 9)
        try dialog.expect(220)
        open.append(dialog)
        try server.command("reload")
      }
      // Three generations have one each.
      try SMTPDialog(port: server.port, from: 9).expect(421)
      try open[0].say("HELO client.test", expecting: 250)
      try open[2].say("HELO client.test", expecting: 250)
      try open[0].say("MAIL FROM:<a@source.test>", expecting: 250)
      try open[0].say("RSET", expecting: 250)
      try open[2].say("MAIL FROM:<a@source.test>", expecting: 250)
      try open[2].say("RSET", expecting: 250)
      try open[0].say("MAIL FROM:<a@source.test>", expecting: 450)
      try open[0].say("QUIT", expecting: 221)
      try server.log.wait(
        forCount: 1, of: "disconnect from localhost[127.0.0.9] helo=1", until: .after(.seconds(20)))
      let next = try SMTPDialog(port: server.port, from: 9)
      try next.expect(220)
      try SMTPDialog(port: server.port, from: 9).expect(421)
      try server.stop()
    }

    /// What the processes of a service share is shared by those that serve, whatever their names.
    @Test(.timeLimit(.minutes(2)))
    func aServiceOfOneSessionHasOneAfterEveryReload() throws {
      let port = try Loopback.freePort()
      let server = try MartinetInstance(
        settings: ["smtpd_process_count": "2"],
        services: ["127.0.0.1:\(port) inet n - n - 1 smtpd"])
      try server.start()
      for _ in 0..<3 {
        try SMTPDialog(greetedAt: port).say("QUIT", expecting: 221)
        try server.command("reload")
      }
      try SMTPDialog(greetedAt: port).say("QUIT", expecting: 221)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func whoFollowsAClientSeesItsSessionsWithTheNewProcesses() throws {
      let server = try MartinetInstance(settings: ["smtpd_junk_command_limit": "10000"])
      try server.start()
      let master = try #require(server.master)
      let descriptors = master.descriptors
      let old = try SMTPDialog(greetedAt: server.port)
      let trace = try Program(
        MartinetInstance.executable,
        ["-c", server.configuration, "trace", "--client", "127.0.0.0/8"])
      let begun = Deadline.after(.seconds(20))
      while trace.output.count(of: "NOOP") == 0 {
        try #require(!begun.hasPassed)
        try old.say("NOOP", expecting: 250)
        Monitor(()).pause(.milliseconds(20))
      }
      try server.command("reload")
      try SMTPDialog(greetedAt: server.port, helo: "new.test").say("QUIT", expecting: 221)
      try trace.output.wait(for: ": EHLO new.test", until: .after(.seconds(20)))
      try old.say("HELO old.test", expecting: 250)
      try trace.output.wait(for: ": HELO old.test", until: .after(.seconds(20)))
      trace.send(SIGINT)
      #expect(try trace.waitForExit(until: .after(.seconds(20))) == .signal(SIGINT))
      try old.say("QUIT", expecting: 221)
      // Nothing of it stays behind in master.
      #expect(
        RunningProcess.wait(until: .after(.seconds(20))) { master.descriptors <= descriptors },
        "\(descriptors) before, \(master.descriptors) now")
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func theQueueManagerKeepsNoThreadOfTablesThatAreGone() throws {
      let sink = try ScriptedSink()
      let folder = try TemporaryDirectory(prefix: "tables")
      try folder.write("/^nobody@/ discard:\n", to: "transport")
      let server = try MartinetInstance(
        relayPort: sink.port,
        settings: ["transport_maps": "regexp:\(folder.path("transport"))"])
      try server.start()
      let manager = try #require(server.processes(role: "qmgr").first)
      let load = MailLoad(port: server.port)
      for round in 0..<3 {
        if round > 0 { try server.command("reload") }
        let result = try load.run(round..<round + 1, within: .seconds(20))
        #expect(result.acknowledged.count == 1)
        try sink.wait(forCount: round + 1, until: .after(.seconds(20)))
        #expect(manager.helperNames.contains("patterns"))
      }
      #expect(
        RunningProcess.wait(until: .after(.seconds(20))) {
          manager.helperNames.count { $0 == "patterns" } == 1
        }, "\(manager.helperNames)")
      #expect(server.processes(role: "qmgr") == [manager])
      try server.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func whatTheLivingKeepIsSaid() throws {
      let server = try MartinetInstance()
      try server.start()
      try server.configure([
        "smtpd_client_table_size": "1000", "spool_segment_size": "8388608",
      ])
      let command = try server.outcome(of: "reload")
      #expect(command.exit == .code(0))
      #expect(
        command.errors.contains("warning: ignoring smtpd_client_table_size parameter value change")
          && command.errors.contains("old value: \"32768\", new value: \"1000\""),
        "\(command.errors)")
      #expect(
        command.errors.contains("warning: spool_segment_size: the queue manager keeps"),
        "\(command.errors)")
      try server.stop()
    }
  }
}
