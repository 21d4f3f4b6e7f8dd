import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Mail for virtual mailboxes that an LMTP server takes (RFC 2033).
  struct LMTPTests {
    private static let users = ["one@box.test", "two@box.test"]

    private static func settings(transport: String) -> [String: String] {
      [
        "mydestination": "", "virtual_mailbox_domains": "box.test",
        "virtual_mailbox_maps":
          "inline:{ \(users.map { "{ \($0)=x }" }.joined(separator: ", ")), { gone@box.test=x } }",
        "virtual_transport": transport,
      ]
    }

    /// A folder for sockets in the queue directory, as Postfix has it.
    private static func makePrivateFolder(in spool: String) throws -> String {
      let path = "\(spool)/private"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      if getuid() == 0 {
        try FileManager.default.setAttributes(
          [.ownerAccountName: MartinetInstance.owner, .posixPermissions: 0o700],
          ofItemAtPath: path)
      }
      return path
    }

    @Test(.enabled(if: Subject.isMartinet), .timeLimit(.minutes(1)))
    func aServerOnASocketInTheQueueDirectoryTakesThem() throws {
      let server = try MartinetInstance(
        settings: Self.settings(transport: "lmtp:unix:private/sink"))
      let socket = try Self.makePrivateFolder(in: server.spool) + "/sink"
      let sink = try LMTPSink(path: socket)
      try server.start()
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.say("MAIL FROM:<s@source.test>", expecting: 250)
      for user in Self.users { try dialog.say("RCPT TO:<\(user)>", expecting: 250) }
      let refused = try dialog.ask("RCPT TO:<nobody@box.test>")
      #expect(
        refused.description
          == "550 5.1.1 <nobody@box.test>: Recipient address rejected: "
          + "User unknown in virtual mailbox table")
      try dialog.say("DATA", expecting: 354)
      try dialog.say("Subject: x\r\n\r\nbody\r\n.", expecting: 250)
      try server.log.wait(forCount: 1, of: ": removed", until: .after(.seconds(20)))
      #expect(
        server.log.fates(by: "lmtp").sorted()
          == Self.users.map {
            "to=<\($0)>, relay=mx.martinet.test[private/sink], dsn=2.2.0, status=sent (250 2.2.0 Ok)"
          })
      try server.stop()
      withExtendedLifetime(sink) {}
    }

    @Test(.enabled(if: Subject.isMartinet), .timeLimit(.minutes(1)))
    func aSocketThatIsNotThereAndAHostByNameAreTriedAgainOrReached() throws {
      let port = try Loopback.freePort()
      let sink = try SMTPSink(port: port, options: ["-L"])
      var settings = Self.settings(transport: "lmtp:unix:private/missing")
      settings["transport_maps"] = "inline:{ { two@box.test=lmtp:inet:localhost:\(port) } }"
      let server = try MartinetInstance(settings: settings)
      try server.start()
      var load = MailLoad(port: server.port)
      load.recipients = { [Self.users[$0]] }
      try #require(try load.run(0..<2, within: .seconds(20)).acknowledged.count == 2)
      try server.log.wait(forCount: 2, of: "status=", until: .after(.seconds(20)))
      #expect(
        server.log.fates(by: "lmtp").sorted() == [
          "to=<one@box.test>, relay=none, dsn=4.4.1, status=deferred "
            + "(connect to mx.martinet.test[private/missing]: No such file or directory)",
          "to=<two@box.test>, relay=localhost[127.0.0.1]:\(port), dsn=2.2.0, status=sent "
            + "(250 2.2.0 Ok)",
        ])
      try server.stop()
      try sink.stop()
    }

    @Test(
      .enabled(if: Subject.isMartinet && getuid() == 0 && Program.find("dovecot") != nil),
      .timeLimit(.minutes(1)))
    func dovecotFilesMailAndSaysWhoIsUnknown() throws {
      let server = try MartinetInstance(
        settings: Self.settings(transport: "lmtp:unix:private/dovecot-lmtp"))
      let socket = try Self.makePrivateFolder(in: server.spool) + "/dovecot-lmtp"
      let dovecot = try DovecotLMTP(
        users: Self.users, socket: socket, client: MartinetInstance.owner)
      try server.start()
      var load = MailLoad(port: server.port)
      load.recipients = { _ in Self.users + ["gone@box.test"] }
      load.size = { $0 == 0 ? 300_000 : 2000 }
      try #require(try load.run(0..<5, within: .seconds(30)).acknowledged.count == 5)
      // The senders' reports have no way out and stay.
      try server.log.wait(forCount: 5, of: ": removed", until: .after(.seconds(30)))
      let fates = server.log.fates(by: "lmtp")
      for user in Self.users {
        let saved = fates.filter {
          $0.hasPrefix(
            "to=<\(user)>, relay=mx.martinet.test[private/dovecot-lmtp], dsn=2.0.0, status=sent ")
            && $0.hasSuffix(" Saved)")
        }
        #expect(saved.count == 5)
        let mails = try dovecot.messages(of: user)
        let numbers = mails.compactMap { TestMail.number(in: $0, seed: load.seed) }
        #expect(numbers.sorted() == Array(0..<5))
        for (number, mail) in zip(numbers, mails) {
          let original = TestMail(number: number, seed: load.seed, size: load.size(number))
          #expect(original.isWhole(in: mail))
        }
      }
      #expect(
        fates.count {
          $0.hasPrefix("to=<gone@box.test>, ")
            && $0.contains(
              "dsn=5.1.1, status=bounced (host mx.martinet.test[private/dovecot-lmtp] said: 550 5.1.1 "
                + "<gone@box.test> User doesn't exist: gone@box.test (in reply to RCPT TO command)")
        } == 5)
      try server.stop()
    }
  }
}
