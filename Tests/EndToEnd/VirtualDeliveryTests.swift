import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Mailboxes of users that have no account (virtual(8)), and files of many messages.
  struct VirtualDeliveryTests {
    private static let uid = 5077

    /// Sends one message to each address.
    private static func send(to addresses: [String], _ server: MartinetInstance) throws -> MailLoad
    {
      var load = MailLoad(port: server.port)
      load.sessions = 1
      load.recipients = { [addresses[$0]] }
      let result = try load.run(0..<addresses.count, within: .seconds(20))
      try #require(result.acknowledged.count == addresses.count, "\(result)")
      try server.log.wait(
        forCount: addresses.count, of: " status=", until: .after(.seconds(20)))
      return load
    }

    @Test(
      .enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)),
      arguments: [true, false])
    func mailForVirtualMailboxesEndsInMaildirsAndFiles(asRoot: Bool) throws {
      let boxes = try OpenFolder()
      let users = ["md", "mb", "none", "low"]
      let server = try MartinetInstance(
        settings: [
          "mydestination": "", "virtual_mailbox_domains": "box.test",
          "virtual_mailbox_base": boxes.path, "virtual_gid_maps": "static:\(Self.uid)",
          "virtual_mailbox_maps":
            "inline:{ { md@box.test=deep/md/ }, { mb@box.test=mb }, { none@box.test=none/ }, "
            + "{ low@box.test=low/ } }",
          "virtual_uid_maps":
            "inline:{ { md@box.test=\(Self.uid) }, { mb@box.test=\(Self.uid) }, "
            + "{ low@box.test=7 } }",
        ], user: asRoot ? nil : spareAccount)
      try server.start()
      let addresses = (users + ["mb"]).map { "\($0)@box.test" }
      let load = try Self.send(to: addresses, server)
      let incomplete = "dsn=4.3.5, status=deferred (mail system configuration error)"
      #expect(
        server.log.fates(by: "virtual").sorted() == [
          "to=<low@box.test>, relay=virtual, \(incomplete)",
          "to=<mb@box.test>, relay=virtual, dsn=2.0.0, status=sent (delivered to mailbox)",
          "to=<mb@box.test>, relay=virtual, dsn=2.0.0, status=sent (delivered to mailbox)",
          "to=<md@box.test>, relay=virtual, dsn=2.0.0, status=sent (delivered to maildir)",
          "to=<none@box.test>, relay=virtual, \(incomplete)",
        ])
      #expect(
        server.log.count(of: "warning: recipient low@box.test: bad uid 7 in virtual_uid_maps") == 1)
      #expect(
        server.log.count(of: "warning: recipient none@box.test: not found in virtual_uid_maps")
          == 1)
      let name = try #require(try boxes.names(in: "deep/md/new").first)
      let content = Array(try boxes.lines(of: "deep/md/new/\(name)").joined(separator: "\n").utf8)
      #expect(TestMail(number: 0, seed: load.seed, size: load.size(0)).isWhole(in: content))
      let mailbox = try boxes.lines(of: "mb")
      #expect(
        mailbox.filter { $0.hasPrefix("From ") }.map { String($0.prefix { $0 != "@" }) }
          .sorted() == ["From sender1", "From sender4"])
      #expect(mailbox.count { $0 == "Delivered-To: mb@box.test" } == 2)
      let account = try #require(getpwnam(spareAccount)?.pointee)
      let owner = asRoot ? Self.uid : Int(account.pw_uid)
      for file in ["mb", "deep/md/new/\(name)"] {
        #expect(try boxes.owner(of: file) == (owner, "600"))
      }
      #expect(try boxes.names() == ["deep", "mb"])
      try server.stop()
    }

    @Test(
      .enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)),
      arguments: [true, false])
    func aFolderOfMailboxesNeedsItsGroup(hasGroup: Bool) throws {
      let boxes = try OpenFolder()
      try FileManager.default.setAttributes(
        [
          .posixPermissions: hasGroup ? 0o2775 : 0o755,
          .groupOwnerAccountName: hasGroup ? "mail" : "root",
        ], ofItemAtPath: boxes.path)
      let server = try MartinetInstance(
        settings: ["mydestination": "here.test", "mail_spool_directory": boxes.path])
      try server.start()
      let address = "\(spareAccount)@here.test"
      _ = try Self.send(to: [address, address], server)
      guard hasGroup else {
        let fate =
          "to=<\(address)>, relay=local, dsn=4.3.5, status=deferred (mail_spool_directory "
          + "\(boxes.path) is not writable for its group: chgrp mail, chmod 2775)"
        #expect(server.log.fates(by: "local") == [fate, fate])
        #expect(try boxes.names().isEmpty)
        return try server.stop()
      }
      let fate =
        "to=<\(address)>, relay=local, dsn=2.0.0, status=sent (delivered to mailbox)"
      #expect(server.log.fates(by: "local") == [fate, fate])
      #expect(try boxes.lines(of: spareAccount).count { $0.hasPrefix("From sender") } == 2)
      let account = try #require(getpwnam(spareAccount)?.pointee)
      #expect(try boxes.owner(of: spareAccount) == (Int(account.pw_uid), "600"))
      #expect(try boxes.names() == [spareAccount])
      try server.stop()
    }

    @Test(.enabled(if: Subject.isMartinet), .timeLimit(.minutes(1)))
    func anotherTransportMayHaveTheMailboxes() throws {
      let port = try Loopback.freePort()
      let sink = try SMTPSink(port: port, options: ["-L"])
      let user = try #require(getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) })
      let server = try MartinetInstance(
        settings: [
          "mydestination": "here.test", "mailbox_transport": "lmtp:inet:127.0.0.1:\(port)",
        ])
      try server.start()
      let address = "\(user)@here.test"
      _ = try Self.send(to: [address], server)
      #expect(
        server.log.fates(by: "lmtp") == [
          "to=<\(address)>, relay=127.0.0.1[127.0.0.1]:\(port), dsn=2.2.0, status=sent "
            + "(250 2.2.0 Ok)"
        ])
      #expect(server.log.fates(by: "local").isEmpty)
      try server.stop()
      try sink.stop()
    }
  }
}
