import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// The same `alias_maps` to a private Postfix and to Martinet: who gets the mail in the end, and
  /// what the log says it was sent to.
  ///
  /// Postfix queues some of the mail anew on its way, and returns what goes in circles: so the
  /// addresses are compared, not what became of them.
  struct LocalAliasOracleTests {
    private static let virtual = """
      virt.test anything
      v@virt.test user3, vv@far.test
      back@virt.test virtloop@home.test, user1
      user2@origin.test no@far.test
      tovirt@origin.test one, nested

      """

    private static func aliases(including file: String) -> String {
      """
      one user1
      remote target@far.test
      mixed user1, user2, a@far.test, b@far.test
      nested mixed, user3, remote
      self self, copy@far.test
      half1 half2, user1
      half2 half1, user2
      dup user1, USER1, user1@localhost, user1@home.test, one, a@far.test, A@far.test
      list :include:\(file)
      quoted \\one, \\user2
      escaped \\\\one, \\\\user2
      withext user1+box
      tag+ext user3
      tag user2, t@far.test
      viavirtual v@virt.test
      postmaster user2
      virtloop back@virt.test

      """
    }

    private static let recipients = [
      "one", "One@Home.Test", "remote@home.test", "mixed", "nested", "self", "self@home.test",
      "half1", "dup", "list", "quoted", "escaped", "withext", "tag+ext", "tag+other", "viavirtual",
      "postmaster", "virtloop", "tovirt", "user2", "user9",
      "one%home.test@home.test", "one@far.test",
    ]

    /// What an access table makes of mail for the left addresses: of the tables only `alias_maps`
    /// count for the right ones.
    private static let redirections = [
      "r1@home.test": "mixed@home.test", "r2@home.test": "user2@origin.test",
      "r3@home.test": "viavirtual@home.test", "r4@home.test": "postmaster",
      "r5@home.test": "v@virt.test", "r6@home.test": "list@home.test",
      "mixed@home.test": "far@far.test", "v@virt.test": "self@home.test",
    ]

    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func redirectionsLeadToTheSame() throws {
      try compare(Self.redirections.keys.sorted()) {
        $0["smtpd_recipient_restrictions"] =
          "check_recipient_access inline:{ "
          + Self.redirections.map { "{\($0.key) = REDIRECT \($0.value)}" }.joined(separator: ", ")
          + " }, permit"
      }
    }

    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func theyLeadToTheSame() throws { try compare(Self.recipients) }

    private func compare(
      _ recipients: [String], _ change: (inout [String: String]) -> Void = { _ in }
    ) throws {
      let folder = try TemporaryDirectory(prefix: "aliases")
      let file = try folder.write("# people\nuser1, inc2@far.test\n\nuser3\nnested\n", to: "list")
      let table = try folder.write(Self.aliases(including: file), to: "aliases")
      let virtual = try folder.write(Self.virtual, to: "virtual")
      var settings = [
        "myhostname": "mail.home.test", "mydomain": "home.test", "myorigin": "origin.test",
        "mydestination": "home.test, origin.test, localhost", "recipient_delimiter": "+",
        "virtual_alias_maps": "texthash:\(virtual)", "alias_maps": "texthash:\(table)",
        "default_transport": "discard:there", "mailbox_size_limit": "0",
      ]
      settings["mailbox_transport"] = "discard:here"
      change(&settings)
      let ours = try Self.play(recipients, on: MartinetInstance(settings: settings))
      let theirs = try Self.play(recipients, on: PostfixOracle(settings: settings))
      #expect(theirs.count == recipients.count)
      for (recipient, (their, our)) in zip(recipients, zip(theirs, ours)) {
        #expect(our == their && !our.isEmpty, "\(recipient)")
      }
    }

    /// For each recipient the addresses of the log's lines about deliveries.
    private static func play(
      _ recipients: [String], on server: any MailServer
    ) throws -> [Set<String>] {
      try server.start()
      var results: [Set<String>] = []
      for recipient in recipients {
        let start = server.log.lines.count
        let dialog = try SMTPDialog(greetedAt: server.port)
        // Nobody hears of what is returned.
        try dialog.say("MAIL FROM:<>", expecting: 250)
        try dialog.say("RCPT TO:<\(recipient)>", expecting: 250)
        try dialog.say("DATA", expecting: 354)
        let reply = "\(try dialog.ask("Subject: x\r\n\r\nx\r\n."))"
        dialog.close()
        let queued = try #require(reply.firstRange(of: " queued as "), "\(recipient): \(reply)")
        results.append(
          try deliveries(of: String(reply[queued.upperBound...]), in: server.log, from: start))
      }
      try server.stop()
      return results
    }

    /// Those of a message and of all that were made of it.
    private static func deliveries(
      of id: String, in log: LineLog, from start: Int
    ) throws -> Set<String> {
      do {
        try log.wait(for: "\(id): removed", from: start, until: .after(.seconds(20)))
      } catch {
        Issue.record("\(error); the log says \(log.lines[start...].map(\.description))")
        throw error
      }
      var found: Set<String> = []
      for line in log.lines[start...].map(\.description) where line.contains("\(id): to=<") {
        if let next = line.firstMatch(of: #/forwarded as (\w+)/#)?.output.1 {
          found.formUnion(try deliveries(of: String(next), in: log, from: start))
        } else if !line.contains("loop for "), let to = line.firstRange(of: "to=<"),
          let relay = line.firstRange(of: ", relay=")
        {
          found.insert(String(line[to.lowerBound..<relay.lowerBound]))
        }
      }
      return found
    }
  }
}
