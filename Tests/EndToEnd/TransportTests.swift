import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// The ways out other than the relay host.
  struct TransportTests {
    @Test(.timeLimit(.minutes(1)))
    func mailForTheErrorTransportGoesBackAndForDiscardGoesNowhere() throws {
      let sink = try ScriptedSink()
      let server = try Subject.relay(
        to: sink.port,
        settings: [
          "transport_maps":
            "inline:{ { bad.test=error:5.7.1 go away }, { drop.test=discard:not wanted } }",
          // Else such a recipient is refused at the door.
          "smtpd_reject_unlisted_recipient": "no",
        ])
      var load = MailLoad(port: server.port)
      load.recipients = { ["rcpt@\(["bad", "drop", "sink"][$0]).test"] }
      let result = try load.run(0..<3, within: .seconds(20))
      try #require(result.acknowledged.count == 3)
      try server.log.wait(forCount: 4, of: ": removed", until: .after(.seconds(20)))
      let returned = try #require(server.log.lines.first { $0.contains("/error[") }).description
      #expect(
        returned.contains("\(result.acknowledged[0]!): to=<rcpt@bad.test>, relay=none, delay="))
      #expect(returned.hasSuffix(", dsn=5.7.1, status=bounced (go away)"))
      let dropped = try #require(server.log.lines.first { $0.contains("/discard[") }).description
      #expect(
        dropped.contains("\(result.acknowledged[1]!): to=<rcpt@drop.test>, relay=none, delay="))
      #expect(dropped.hasSuffix(", dsn=2.0.0, status=sent (not wanted)"))
      #expect(
        Set(sink.received.map { $0.recipients[0] }) == ["sender0@source.test", "rcpt@sink.test"])
      #expect(sink.received.map(\.sender).sorted() == ["", "sender2@source.test"])
      try server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func transportMapsSendDomainsToNextHopsOfTheirOwn() throws {
      let sink = try ScriptedSink()
      let other = try ScriptedSink()
      let tables = try TemporaryDirectory()
      let table = try tables.write(
        "other.test smtp:[127.0.0.1]:\(other.port)\n.other.test\tsmtp:[127.0.0.1]:\(other.port)\n"
          + "one@sink.test smtp:[127.0.0.1]:\(other.port)\n", to: "transport")
      let server = try Subject.relay(
        to: sink.port, settings: ["transport_maps": "texthash:\(table)"])
      let addresses = ["a@other.test", "b@deep.other.test", "one@sink.test", "two@sink.test"]
      var load = MailLoad(port: server.port)
      load.recipients = { [addresses[$0]] }
      try #require(try load.run(0..<4, within: .seconds(20)).acknowledged.count == 4)
      try server.log.wait(forCount: 4, of: ": removed", until: .after(.seconds(20)))
      #expect(Set(other.received.flatMap(\.recipients)) == Set(addresses.prefix(3)))
      #expect(sink.received.flatMap(\.recipients) == ["two@sink.test"])
      try server.stop()
    }

    /// An account that every Debian has and nobody uses.
    private static let account = "games"

    @Test(
      .enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)),
      arguments: [true, false])
    func mailOfThisHostEndsInAMaildir(asRoot: Bool) throws {
      let user = Self.account
      let boxes = try TemporaryDirectory(prefix: "mailboxes")
      try FileManager.default.setAttributes([.posixPermissions: 0o1777], ofItemAtPath: boxes.path)
      let server = try MartinetInstance(
        settings: [
          "mydestination": "here.test", "mail_spool_directory": "\(boxes.path)/",
          "recipient_delimiter": "+",
        ], user: asRoot ? nil : user)
      try server.start()
      var load = MailLoad(port: server.port)
      load.recipients = { $0 == 2 ? ["\(user)+list@here.test"] : ["\(user)@here.test"] }
      load.size = { $0 == 1 ? 2_000_000 : 2000 }
      try #require(try load.run(0..<3, within: .seconds(20)).acknowledged.count == 3)
      try server.log.wait(forCount: 3, of: ": removed", until: .after(.seconds(20)))
      let sent = server.log.lines.filter { $0.contains("status=sent") }.map(\.description)
      #expect(sent.count == 3)
      #expect(
        sent.allSatisfy {
          $0.contains("/local[") && $0.contains("relay=local, ")
            && $0.hasSuffix("dsn=2.0.0, status=sent (delivered to maildir)")
        })
      var numbers: Set<Int> = []
      for name in try boxes.names(in: "\(user)/new") {
        let content = try boxes.read("\(user)/new/\(name)")
        let number = try #require(TestMail.number(in: content, seed: load.seed))
        numbers.insert(number)
        let lines = String(decoding: content.prefix(4000), as: UTF8.self).split(separator: "\n")
        #expect(lines[0] == "Return-Path: <sender\(number)@source.test>")
        #expect(lines[1] == "X-Original-To: \(load.recipients(number)[0])")
        #expect(lines[2] == "Delivered-To: \(load.recipients(number)[0])")
        let mail = TestMail(number: number, seed: load.seed, size: load.size(number))
        #expect(mail.isWhole(in: content))
        let file = try FileManager.default.attributesOfItem(
          atPath: boxes.path("\(user)/new/\(name)"))
        #expect(file[.ownerAccountName] as? String == user)
        #expect((file[.posixPermissions] as? Int).map { $0 & 0o077 } == 0)
      }
      #expect(numbers == [0, 1, 2])
      #expect(try boxes.names(in: "\(user)/tmp").isEmpty)
      try server.stop()
    }
  }
}
