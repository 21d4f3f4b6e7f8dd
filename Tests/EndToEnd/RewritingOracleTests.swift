import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// The same tables and recipients to a private Postfix and to Martinet: who gets the mail, and
  /// what the client hears.
  struct RewritingOracleTests {
    private static let table = """
      one@alias.test  target@other.test
      two@alias.test  a@other.test, b@other.test
      bare@alias.test  user
      multi@alias.test  user1, user2@host, "quoted one"@x.test, Phrase Here <p@y.test>
      self@both.test self@both.test, copy@other.test
      loop1@alias.test loop2@alias.test
      loop2@alias.test loop1@alias.test
      empty@alias.test ,
      alias.test  anything
      @catch.test  catchall@other.test
      catch.test  x
      @wild.test  @wild2.test
      wild.test  x
      localuser    lu@other.test
      localuser+tag lut@other.test
      dup@alias.test a@o.test, A@O.test, a@o.test
      null@alias.test <>

      """

    private static let recipients = [
      ["one@alias.test"], ["one+ext@alias.test"], ["two+e@alias.test"], ["bare@alias.test"],
      ["multi@alias.test"], ["self@both.test"], ["self+e@both.test"], ["loop1@alias.test"],
      ["empty@alias.test"], ["unknown@alias.test"], ["x+e@catch.test"], ["x+e@wild.test"],
      ["localuser"], ["localuser+other"], ["localuser@home.test"], ["localuser@other.test"],
      ["LocalUser+Tag@Home.Test"], ["dup@alias.test"], ["null@alias.test"], ["user@host"],
      ["user@localhost"], ["site!user"], ["user%site"], ["site!user@home.test"], ["postmaster"],
      ["\"quoted x\"@other.test"], ["a@o.test", "A@o.test", "b@o.test", "a@o.test"],
      ["one@alias.test", "target@other.test", "two@alias.test"],
    ]

    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func recipientsAreTheSame() throws {
      let folder = try TemporaryDirectory(prefix: "aliases")
      let table = try folder.write(Self.table, to: "virtual")
      let settings = [
        "myhostname": "mail.home.test", "mydomain": "home.test", "myorigin": "origin.test",
        "mydestination": "home.test, origin.test, localhost", "append_dot_mydomain": "yes",
        "recipient_delimiter": "+", "virtual_alias_maps": "texthash:\(table)",
        "local_transport": "discard:here", "default_transport": "discard:there",
      ]
      let theirs = try Self.play(on: PostfixOracle(settings: settings))
      let ours = try Self.play(on: MartinetInstance(settings: settings))
      #expect(theirs.count == Self.recipients.count)
      for (recipients, (their, our)) in zip(Self.recipients, zip(theirs, ours)) {
        #expect(our == their, "\(recipients)")
      }
    }

    /// For each group of recipients the replies to them and to the message, and where it went.
    private static func play(on server: any MailServer) throws -> [[String]] {
      try server.start()
      var results: [[String]] = []
      for group in recipients {
        let start = server.log.lines.count
        let dialog = try SMTPDialog(greetedAt: server.port)
        try dialog.say("MAIL FROM:<sender>", expecting: 250)
        var replies = try group.map { "\(try dialog.ask("RCPT TO:<\($0)>"))" }
        if replies.contains(where: { $0.hasPrefix("250") }) {
          try dialog.say("DATA", expecting: 354)
          let reply = "\(try dialog.ask("Subject: x\r\n\r\nx\r\n."))"
          if let queued = reply.firstRange(of: " queued as ") {
            let id = String(reply[queued.upperBound...])
            try server.log.wait(
              for: "\(id): removed", from: start, until: .after(.seconds(20)))
            let lines = server.log.lines[start...].map(\.description).filter { $0.contains(id) }
            replies += lines.compactMap(outcome).sorted()
            replies += lines.compactMap { line in
              line.firstMatch(of: #/from=<[^>]*>/#).map { "\($0.output)" }
            }
          } else {
            replies.append(reply)
          }
        }
        results.append(replies)
        dialog.close()
      }
      try server.stop()
      return results
    }

    /// The addresses of a line about a delivery and what came of it.
    private static func outcome(_ line: String) -> String? {
      guard let to = line.firstRange(of: ": to=<"), let relay = line.firstRange(of: ", relay="),
        let status = line.firstRange(of: "status=")
      else { return nil }
      return "\(line[to.lowerBound..<relay.lowerBound]) \(line[status.lowerBound...])"
    }
  }
}
