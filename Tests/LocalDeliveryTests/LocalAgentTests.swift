import Foundation
import LinuxSystem
import MailTypes
import Primitives
import SystemPackage
import TestSupport
import Testing

@testable import LocalDelivery

struct LocalAgentTests {
  private static let time = WallTime(microseconds: 1_700_000_000_000_123)
  private static let names = MaildirName(host: "host.test", pid: 7)

  /// A content file with other bytes around the two parts, and the message that points into it.
  private struct Source {
    let file: SharedDescriptor
    var message: LocalMessage

    init(header: String, body: [UInt8], recipient: String = "anna@here", cut: Int = 0) throws {
      let junk = Array("\r\nDelivered-To: anna@here\r\n".utf8)
      var bytes = junk + body + Array(".\r\n".utf8)
      let bodyStart = Int64(junk.count)
      let headerStart = Int64(bytes.count)
      bytes += Array(header.utf8)
      let end = Int64(bytes.count)
      file = SharedDescriptor(
        try Files.sealedMemory("message", content: Array(bytes.dropLast(cut))))
      message = LocalMessage(
        content: file.raw, header: headerStart..<end,
        body: bodyStart..<bodyStart + Int64(body.count),
        sender: MailAddress("a@b.test"), recipient: MailAddress(recipient),
        original: Array(recipient.utf8))
    }

    func deliver(by agent: LocalAgent = LocalAgentTests.agent(), to path: String) -> LocalVerdict {
      withExtendedLifetime(file) { agent.write(message, to: path, at: LocalAgentTests.time) }
    }
  }

  private static func agent(_ change: (inout LocalAgent.Settings) -> Void = { _ in }) -> LocalAgent
  {
    var settings = LocalAgent.Settings()
    change(&settings)
    return LocalAgent(settings: settings, names: names)
  }

  @Test func aMessageComesToLieInNewWithItsFields() throws {
    let folder = try TemporaryDirectory()
    let source = try Source(
      header: "Subject: x\r\n\r\n", body: Array("..dot\r\nlast\r\n".utf8))
    let verdict = source.deliver(to: folder.path("deep/Maildir"))
    #expect(verdict == .deliveredToMaildir)
    #expect(try folder.names(in: "deep/Maildir") == ["cur", "new", "tmp"])
    #expect(try folder.names(in: "deep/Maildir/tmp").isEmpty)
    let names = try folder.names(in: "deep/Maildir/new")
    #expect(names.count == 1)
    #expect(names[0].hasPrefix("1700000000.V"))
    let text = try folder.read("deep/Maildir/new/\(names[0])")
    let wanted = """
      Return-Path: <a@b.test>
      X-Original-To: anna@here
      Delivered-To: anna@here
      Subject: x

      .dot
      last

      """
    #expect(String(decoding: text, as: UTF8.self) == wanted)
    let attributes = try FileManager.default.attributesOfItem(
      atPath: folder.path("deep/Maildir/new/\(names[0])"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
  }

  @Test func aLargeBodyArrivesWhole() throws {
    let folder = try TemporaryDirectory()
    var generator = SplitMix64(seed: 4)
    let lines = (0..<20_000).map { _ in
      generator.bytes(count: generator.below(60), from: Array(".abc".utf8))
    }
    let wire = lines.flatMap { ($0.first == UInt8(ascii: ".") ? [46] : []) + $0 + [13, 10] }
    let source = try Source(header: "Subject: x\r\n\r\n", body: wire)
    #expect(
      source.deliver(to: folder.path) == .deliveredToMaildir)
    let name = try #require(try folder.names(in: "new").first)
    #expect(
      try folder.read("new/\(name)").suffix(lines.reduce(0) { $0 + $1.count + 1 })
        .elementsEqual(lines.flatMap { $0 + [10] }))
  }

  @Test func twoMessagesOfTheSameMomentGetTwoNames() throws {
    let folder = try TemporaryDirectory()
    let source = try Source(header: "\r\n", body: [])
    for _ in 0..<3 { _ = source.deliver(to: folder.path) }
    #expect(try folder.names(in: "new").count == 3)
  }

  @Test func aShortContentFileDefersAndLeavesNothing() throws {
    let folder = try TemporaryDirectory()
    let short = try Source(header: "Subject: x\r\n\r\n", body: Array("text\r\n".utf8), cut: 3)
    let verdict = short.deliver(to: folder.path)
    #expect(verdict == .unreadable("unexpected end of file"))
    var source = try Source(header: "\r\n", body: Array("text\r\n".utf8))
    source.message.body = source.message.body.lowerBound..<source.message.body.upperBound + 1000
    #expect(source.deliver(to: folder.path).outcome == .deferred)
    #expect(try folder.names().filter { $0 != "tmp" && $0 != "new" && $0 != "cur" }.isEmpty)
    for name in try folder.names() { #expect(try folder.names(in: name).isEmpty) }
  }

  @Test func aMessageOverTheLimitOfTheMailboxBounces() throws {
    let folder = try TemporaryDirectory()
    let source = try Source(header: "\r\n", body: [UInt8](repeating: 97, count: 200_000))
    let verdict = source.deliver(
      by: Self.agent { $0.mailboxSizeMax = 150_000 }, to: folder.path)
    #expect(verdict.outcome == .bounced)
    #expect(verdict.status == EnhancedStatus(5, 2, 2))
    #expect(
      verdict.text == "maildir delivery failed: error writing message: File too large")
    for name in try folder.names() { #expect(try folder.names(in: name).isEmpty) }
  }

  @Test func aFileInThePlaceOfTheFolderBounces() throws {
    let folder = try TemporaryDirectory()
    try folder.write("", to: "Maildir")
    let source = try Source(header: "\r\n", body: [])
    let verdict = source.deliver(to: folder.path("Maildir"))
    #expect(verdict.outcome == .bounced)
    #expect(verdict.status == EnhancedStatus(5, 2, 0))
    #expect(verdict.text.hasSuffix("Not a directory"))
  }

  @Test func aFolderThatIsALinkToNowhereBounces() throws {
    let folder = try TemporaryDirectory()
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("Maildir"), withDestinationPath: folder.path("nowhere"))
    let verdict = try Source(header: "\r\n", body: []).deliver(to: folder.path("Maildir"))
    #expect(verdict.outcome == .bounced)
    #expect(
      verdict.text == "maildir delivery failed: create maildir \(folder.path("Maildir")): "
        + "No such file or directory")
    #expect(try folder.names() == ["Maildir"])
  }

  @Test func aLoopBouncesAndWritesNothing() throws {
    let folder = try TemporaryDirectory()
    let source = try Source(header: "Delivered-To: Anna@here\r\n\r\n", body: [])
    #expect(
      source.deliver(to: folder.path)
        == .loop(for: MailAddress("anna@here")))
    #expect(try folder.names().isEmpty)
  }

  @Test func theAccountOfThisProcessHasItsMaildir() throws {
    let account = try #require(try Identity.account(uid: Identity.uid))
    let agent = Self.agent {
      $0.homeMailbox = "Maildir/"
      $0.recipientDelimiters = [UInt8(ascii: "+")]
    }
    let recipient = MailAddress("\(account.name)+tag@localhost")
    let found = try agent.place(of: recipient)
    #expect(found.account == account)
    #expect(found.place == .maildir("\(account.home)/Maildir"))
    #expect(
      try Self.agent().place(of: MailAddress("\(account.name)@localhost")).place
        == .file("/var/mail/\(account.name)"))
  }

  @Test(arguments: ["no-such-user-here@x", "\"a/../root\"@x", "\"..\"@x", "\"\"@x", "\"a\u{1}\"@x"])
  func aNameWithoutAnAccountBounces(address: String) {
    do throws(NoDelivery) {
      _ = try Self.agent().place(of: MailAddress(address))
      Issue.record("\(address) has a place")
    } catch {
      #expect(error.verdict.outcome == .bounced)
      #expect(error.verdict.status == EnhancedStatus(5, 1, 1))
      #expect(error.verdict.text.hasPrefix("unknown user: \""))
    }
  }

  @Test(arguments: [
    (Errno.noSpace, LocalVerdict.Outcome.deferred, "4.3.0"), (.ioError, .deferred, "4.3.0"),
    (.diskQuotaExceeded, .bounced, "5.2.2"), (.permissionDenied, .bounced, "5.2.0"),
    (.tooManyOpenFiles, .deferred, "4.3.0"),
  ])
  func failuresAreTheHostsOrTheRecipients(
    cause: Errno, outcome: LocalVerdict.Outcome, status: String
  ) {
    let verdict = LocalVerdict(MailboxError(step: "error writing message", cause: cause))
    #expect(verdict.outcome == outcome)
    #expect(verdict.status.description == status)
  }
}
