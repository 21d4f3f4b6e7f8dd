import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Commands and files of `alias_maps`, and aliases with owners: the same tables to a private
  /// Postfix and to Martinet.
  struct AliasProgramTests {
    /// Whose rights a table that is not root's has.
    private static let owner = "games"

    private static func rootTable(_ folder: OpenFolder) -> String {
      """
      command "|(id -u; id -G; env; cat) > \(folder.path)/command"
      plain |\(folder.path)/plain
      nested command
      null /dev/null
      file \(folder.path)/file
      maildir \(folder.path)/maildir/
      gone "|exit 67"
      own "|echo 4.2.1 closed; exit 1"
      nowhere /nonexistent/file
      several "|exit 0", /dev/null, "|exit 67"
      listed :include:\(folder.path)/list
      mine :include:\(folder.path)/mine
      open :include:\(folder.path)/open
      same "|exit 0", alike
      alike "|exit 0"
      exe \(folder.path)/exe
      vacation \\\\vacation, "|exit 0"

      """
    }

    private static func ownedTable(_ folder: OpenFolder) -> String {
      """
      owned "|(id -u; id -G; env; cat) > \(folder.path)/owned"
      ownedfile \(folder.path)/ownedfile

      """
    }

    private static let recipients = [
      // The first has another `Delivered-To:`: here it is that of the alias with the command.
      "nested", "command+ext", "null", "file", "maildir", "gone", "own", "nowhere", "several",
      "listed", "mine", "same", "owned", "ownedfile", "vacation", "plain",
      "exe",
    ]

    /// With all fields, so that no server adds one.
    private static let content = """
      From: <s@source.test>\r
      Date: Mon, 1 Jan 2024 00:00:00 +0000\r
      Message-Id: <1@source.test>\r
      Subject: x\r
      \r
      From me\r
      body\r

      """

    /// A server's answer to all of it.
    private struct Answer {
      var fates: [String: [String]] = [:]
      var files: [String: [String]] = [:]
      var owners: [String: String] = [:]
    }

    private static func settings(_ folder: OpenFolder, _ tables: [String]) -> [String: String] {
      [
        "myhostname": "mail.home.test", "mydomain": "home.test", "myorigin": "home.test",
        "mydestination": "home.test, localhost", "recipient_delimiter": "+",
        "alias_maps": tables.map { "texthash:\($0)" }.joined(separator: ", "),
        "allow_mail_to_commands": "alias, include", "default_transport": "discard:there",
        "mail_spool_directory": "\(folder.path)/boxes/",
        "transport_maps": "inline:{ { source.test=discard: } }",
        "mailbox_delivery_lock": "fcntl, dotlock", "mailbox_size_limit": "0",
      ]
    }

    private static func play(
      _ server: ([String: String]) throws -> any MailServer
    ) throws -> Answer {
      let folder = try OpenFolder()
      _ = try folder.script("plain", "cat > /dev/null")
      #expect(chmod(try folder.script("exe", "exit 0"), 0o777) == 0)
      let list = try folder.file("list", "\"|exit 0\"\n/dev/null\n")
      let mine = try folder.file("mine", "\"|id -u > '\(folder.path)/mineid'\"\n")
      let root = try folder.file("root", rootTable(folder))
      let owned = try folder.file("owned.table", ownedTable(folder))
      let account = try #require(getpwnam(owner)?.pointee)
      for path in [owned, mine] { #expect(chown(path, account.pw_uid, account.pw_gid) == 0) }
      for path in [list, mine, root, owned] { #expect(chmod(path, 0o644) == 0) }
      let server = try server(settings(folder, [root, owned]))
      try server.start()
      var answer = Answer()
      for recipient in recipients {
        let dialog = try SMTPDialog(greetedAt: server.port)
        let start = server.log.lines.count
        let reply = try dialog.deliver(
          from: "s@source.test", to: ["\(recipient)@home.test"],
          content: Array(content.utf8))
        dialog.close()
        let id = try #require(reply.lines.first?.split(separator: " ").last)
        let count = ["several": 3, "listed": 2, "same": 2, "vacation": 2][recipient] ?? 1
        try server.log.wait(
          forCount: count, of: "\(id): to=<", until: .after(.seconds(20)))
        answer.fates[recipient] = server.log.lines[start...].map(\.description)
          .filter { $0.contains("\(id): to=<") }.map { fate($0, folder) }.sorted()
      }
      for name in ["command", "owned", "file", "ownedfile", "mineid"] {
        answer.files[name] = try folder.lines(of: name).map(neutral).sorted()
        let (uid, permissions) = try folder.owner(of: name)
        answer.owners[name] = "\(uid) \(permissions)"
      }
      answer.files["maildir"] = ["\(try folder.names(in: "maildir/new").count)"]
      try server.stop()
      return answer
    }

    private static func fate(_ line: String, _ folder: OpenFolder) -> String {
      let to = line.range(of: "to=<").map { line[$0.lowerBound...] } ?? ""
      let head = to.range(of: ", delay=").map { to[..<$0.lowerBound] } ?? to
      let tail = line.range(of: ", dsn=").map { line[$0.lowerBound...] } ?? ""
      return "\(head)\(tail)".replacing(folder.path, with: "FOLDER")
    }

    /// A line of a message or of an environment without what differs from run to run.
    private static func neutral(_ line: String) -> String {
      ["PWD=", "MAIL_CONFIG=", "CLIENT_HOSTNAME=", "Received: ", "\t", "From s@source.test  "]
        .first { line.hasPrefix($0) } ?? line
    }

    @Test(
      .enabled(if: Subject.isMartinet && PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func commandsAndFilesGetTheirMailAsInPostfix() throws {
      let ours = try Self.play { try MartinetInstance(settings: $0) }
      let theirs = try Self.play { try PostfixOracle(settings: $0) }
      for recipient in Self.recipients {
        #expect(ours.fates[recipient] == theirs.fates[recipient], "\(recipient)")
      }
      for (name, lines) in theirs.files { #expect(ours.files[name] == lines, "\(name)") }
      #expect(ours.owners == theirs.owners)
    }

    /// The destination comes from the table alone.
    @Test(.enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)))
    func noClientNamesACommand() throws {
      let folder = try OpenFolder()
      let table = try folder.file("aliases", "known \"|touch '\(folder.path)/known'\"\n")
      let server = try MartinetInstance(
        settings: [
          "mydestination": "here.test", "myorigin": "here.test",
          "alias_maps": "texthash:\(table)",
          "transport_maps": "inline:{ { source.test=discard: } }",
        ])
      try server.start()
      let names = [
        "\"|touch '\(folder.path)/pwned'\"@here.test", "|touch@here.test", "\"|exit 0\"",
        "\"\(folder.path)/written\"@here.test", "\(folder.path)/written@here.test",
        "\":include:\(table)\"@here.test",
      ]
      var taken = 0
      for name in names {
        let dialog = try SMTPDialog(greetedAt: server.port)
        try dialog.say("MAIL FROM:<s@source.test>", expecting: 250)
        let reply = try dialog.ask("RCPT TO:<\(name)>")
        if reply.code == 250 {
          taken += 1
          try dialog.say("DATA", expecting: 354)
          try dialog.say("Subject: x\r\n\r\nx\r\n.", expecting: 250)
        }
        dialog.close()
      }
      #expect(taken > 0)
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.deliver(
        from: "s@source.test", to: ["known@here.test"],
        content: Array("Subject: x\r\n\r\nx\r\n".utf8))
      try server.log.wait(
        forCount: taken + 1, of: ", relay=local, ", until: .after(.seconds(30)))
      let fates = server.log.fates(by: "local")
      #expect(fates.count { $0.contains("status=sent (delivered to command: touch '") } == 1)
      #expect(fates.count { $0.contains("dsn=5.1.1, status=bounced (unknown user: ") } == taken)
      #expect(try folder.names() == ["aliases", "known"])
      try server.stop()
    }

    private static let owners = """
      list user@far.test, nest
      nest other@far.test
      owner-list boss@far.test
      outer first@far.test, inner
      owner-outer boss@far.test
      inner second@far.test
      owner-inner boss2@far.test
      several a@far.test, b@far.test
      owner-several x@far.test, y@far.test
      plain p@far.test

      """

    @Test(
      .enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(2)), arguments: [false, true])
    func sendersAreThoseOfPostfix(expandsOwner: Bool) throws {
      let folder = try OpenFolder()
      let table = try folder.file("aliases", Self.owners)
      var settings = Self.settings(folder, [table])
      settings["expand_owner_alias"] = expandsOwner ? "yes" : "no"
      let ours = try Self.senders(at: MartinetInstance(settings: settings))
      let theirs = try Self.senders(at: PostfixOracle(settings: settings))
      #expect(ours.count == 11)
      for (recipient, their) in theirs where !(expandsOwner && recipient.hasPrefix("several")) {
        #expect(ours[recipient] == their, "\(recipient)")
      }
      // A sender is one address: what Postfix makes of two is none.
      if expandsOwner {
        #expect(ours["several a@far.test"] == "owner-several@home.test")
      }
    }

    /// For each alias and each of those it stands for, from whom the mail came at last.
    private static func senders(at server: any MailServer) throws -> [String: String] {
      try server.start()
      var senders: [String: String] = [:]
      for (alias, from) in [
        ("list", "s@source.test"), ("list+x", ""), ("outer", "s@source.test"),
        ("several", "s@source.test"), ("plain", "s@source.test"),
        ("owner-several", "s@source.test"),
      ] {
        let start = server.log.lines.count
        let dialog = try SMTPDialog(greetedAt: server.port)
        let reply = try dialog.deliver(
          from: from, to: ["\(alias)@home.test"], content: Array("Subject: x\r\n\r\nx\r\n".utf8))
        dialog.close()
        let id = try #require(reply.lines.first?.split(separator: " ").last)
        try follow(String(id), alias, server.log, from: start, &senders)
      }
      try server.stop()
      return senders
    }

    private static func follow(
      _ id: String, _ alias: String, _ log: LineLog, from start: Int,
      _ senders: inout [String: String]
    ) throws {
      try log.wait(for: "\(id): removed", from: start, until: .after(.seconds(20)))
      let lines = log.lines[start...].map(\.description)
      let sender = lines.first { $0.contains("\(id): from=<") }?
        .firstMatch(of: #/: from=<([^>]*)>/#)?.output.1
      for line in lines where line.contains("\(id): to=<") {
        if let next = line.firstMatch(of: #/forwarded as (\w+)/#)?.output.1 {
          try follow(String(next), alias, log, from: start, &senders)
        } else if let to = line.firstMatch(of: #/to=<([^>]*)>/#)?.output.1 {
          senders["\(alias) \(to)"] = sender.map(String.init) ?? "none"
        }
      }
    }
  }
}
