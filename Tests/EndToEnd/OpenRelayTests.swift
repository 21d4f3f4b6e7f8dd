import RealPeers
import Testing

extension EndToEnd {
  /// A stranger may write to the domains of this host and of its `relay_domains`, to nobody else.
  struct OpenRelayTests {
    private static let settings = [
      "mynetworks": "192.0.2.0/24", "mydestination": "here.test, localhost",
      "relay_domains": "relay.test",
      "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    ]

    private static let welcome = [
      "user@here.test", "user@HERE.TEST", "user@relay.test", "user@sub.relay.test",
      "user@localhost", "postmaster", "user@here.test.", "a+b@here.test",
      "@gate.test,@other.test:user@here.test", "\"quoted user\"@here.test", "user@[127.0.0.1]",
    ]

    private static let strangers = [
      "user@other.test", "user%other.test@here.test", "user%other.test@relay.test",
      "other.test!user@here.test", "other.test!user", "user%other.test",
      "user@other.test@here.test",
      "\"user@other.test\"@here.test", "\"user@other.test\"", "@here.test:user@other.test",
      "@here.test,@relay.test:user@other.test", "user@[192.0.2.1]", "user@[198.51.100.7]",
      "user@here.test.other.test", "user@xhere.test", "user@relay.test.evil.test",
      "user%other.test%relay.test@here.test", "a!b!user%other.test@here.test",
      "\"user%other.test\"@here.test", "\"other.test!user\"@here.test",
    ]

    @Test(.timeLimit(.minutes(2)))
    func aStrangerReachesOnlyWhatThisHostAnswersFor() throws {
      let server = try Subject.relay(to: try Loopback.freePort(), settings: Self.settings)
      for address in Self.welcome {
        let reply = try Self.ask(server.port, address)
        #expect(reply.code == 250, "\(address): \(reply)")
      }
      for address in Self.strangers {
        let reply = try Self.ask(server.port, address)
        #expect((500...599).contains(reply.code), "\(address): \(reply)")
      }
      let reply = try Self.ask(server.port, "user@other.test")
      #expect(reply.lines == ["554 5.7.1 <user@other.test>: Relay access denied"])
      try server.log.wait(
        for: "NOQUEUE: reject: RCPT from ",
        "[127.0.0.1]: 554 5.7.1 <user@other.test>: Relay access "
          + "denied; from=<sender@source.test> to=<user@other.test> proto=ESMTP helo=<client.test>",
        until: .after(.seconds(10)))
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func theDefaultForAStrangerIsToComeBackLater() throws {
      var settings = Self.settings
      settings["smtpd_relay_restrictions"] = nil
      let server = try Subject.relay(to: try Loopback.freePort(), settings: settings)
      #expect(
        try Self.ask(server.port, "user@other.test").lines
          == ["454 4.7.1 <user@other.test>: Relay access denied"])
      #expect(try Self.ask(server.port, "user@here.test").code == 250)
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func aHostOfMynetworksMayWriteToEverybody() throws {
      var settings = Self.settings
      settings["mynetworks"] = "127.0.0.0/8"
      let server = try Subject.relay(to: try Loopback.freePort(), settings: settings)
      #expect(try Self.ask(server.port, "user@other.test").code == 250)
      try server.stop()
    }

    private static func ask(_ port: UInt16, _ address: String) throws -> SMTPReply {
      let dialog = try SMTPDialog(greetedAt: port)
      try dialog.say("MAIL FROM:<sender@source.test>", expecting: 250)
      return try dialog.ask("RCPT TO:<\(address)>")
    }
  }
}
