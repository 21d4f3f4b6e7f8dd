import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// An alias with an owner that stands for a command, a file, the user of its name and somebody
  /// else: the same table to a private Postfix and to Martinet.
  struct OwnedProgramTests {
    private static let fields = ["Return-Path: ", "Delivered-To: "]

    /// What each of them got that differs from alias to alias, and how often.
    private static func play(
      user: String, _ server: ([String: String]) throws -> any MailServer
    ) throws -> [String: [String]] {
      let folder = try OpenFolder()
      let list = try folder.file("list", "\"|cat >> \(folder.path)/listed\"\n")
      #expect(chmod(list, 0o644) == 0)
      let table = try folder.file(
        "aliases",
        """
        \(spareAccount) "|cat >> \(folder.path)/command", \(folder.path)/file, \(user), \
        other@far.test, :include:\(list)
        owner-\(spareAccount) boss@far.test

        """)
      let server = try server([
        "myhostname": "mail.home.test", "mydomain": "home.test", "myorigin": "home.test",
        "mydestination": "home.test", "alias_maps": "texthash:\(table)",
        "allow_mail_to_commands": "alias, include", "default_transport": "discard:there",
        "mail_spool_directory": "\(folder.path)/boxes/", "mailbox_size_limit": "0",
        "transport_maps": "inline:{ { source.test=discard: } }",
      ])
      try FileManager.default.createDirectory(
        atPath: folder.path("boxes"), withIntermediateDirectories: false,
        attributes: [.posixPermissions: 0o1777])
      try server.start()
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.deliver(
        from: "s@source.test", to: ["\(spareAccount)@home.test"],
        content: Array("Subject: x\r\n\r\nthe body\r\n".utf8))
      dialog.close()
      let ends = [
        "(delivered to command: cat >> \(folder.path)/command)",
        "(delivered to command: cat >> \(folder.path)/listed)",
        "(delivered to file: \(folder.path)/file)", "(delivered to maildir)",
        "to=<other@far.test>",
      ]
      for end in ends { try server.log.wait(for: end, until: .after(.seconds(20))) }
      var answer: [String: [String]] = [:]
      let box = "boxes/\(spareAccount)/new"
      let mail = try folder.names(in: box)
      #expect(mail.count == 1)
      for name in ["command", "listed", "file"] + mail.map({ "\(box)/\($0)" }) {
        answer[name.hasPrefix(box) ? "mailbox" : name] = try folder.lines(of: name)
          .filter { line in line == "the body" || fields.contains { line.hasPrefix($0) } }
      }
      answer["fates"] = server.log.fates(by: "local").filter { !$0.contains("(forwarded as ") }
        .map { $0.replacing(folder.path, with: "FOLDER") }.sorted()
      try server.stop()
      return answer
    }

    @Test(
      .enabled(if: Subject.isMartinet && PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func itsOwnCommandsFilesAndUserGetItsMailAsInPostfix() throws {
      // One backslash only quotes.
      let user = "\\\\\(spareAccount)"
      let ours = try Self.play(user: user) { try MartinetInstance(settings: $0) }
      let theirs = try Self.play(user: user) { try PostfixOracle(settings: $0) }
      for (name, lines) in theirs { #expect(ours[name] == lines, "\(name)") }
      #expect(theirs["command"]?.filter { $0.hasPrefix("Delivered-To: ") }.count == 1)
    }

    /// Without a backslash Postfix 3.7 returns the user's own mail as a loop.
    @Test(.enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)))
    func theUserOfItsNameGetsItsMail() throws {
      let ours = try Self.play(user: spareAccount) { try MartinetInstance(settings: $0) }
      #expect(ours["mailbox"]?.contains("the body") == true)
      #expect(ours["fates"]?.contains { $0.contains("status=bounced") } == false)
    }
  }
}
