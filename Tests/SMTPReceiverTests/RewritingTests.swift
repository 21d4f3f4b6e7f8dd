import AccessPolicy
import MailTypes
import QueueFormat
import QueueStore
import Reactor
import Testing

@testable import SMTPReceiver

/// What the record of a message says of the recipients that a client named.
@Suite(.timeLimit(.minutes(1))) struct RewritingTests {
  init() { Reactor.startThread() }

  /// Sends a message and gives the reply to it.
  @ReactorActor
  private func send(
    _ fixture: Fixture, from sender: String = "s@x.example", to recipients: String...
  ) async throws -> String {
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO me.example")
    _ = try await client.ask("MAIL FROM:<\(sender)>")
    for recipient in recipients {
      #expect(try await client.ask("RCPT TO:<\(recipient)>") == "250 2.1.5 Ok")
    }
    _ = try await client.ask("DATA")
    return try await client.ask("Subject: x\r\n\r\nhello\r\n.")
  }

  @Test @ReactorActor func theRecordHoldsWhoGetsTheMail() async throws {
    let fixture = try Fixture(
      aliases: ["inline:{ { list = one@r.example, two@r.example, list } one@r.example=three }"])
    let reply = try await send(fixture, from: "me", to: "list+x", "two@r.example", "you@r.example")
    #expect(reply.hasPrefix("250 2.0.0 Ok: queued as "))
    let envelope = try #require(fixture.spool.messages.first).envelope
    #expect(envelope.sender == MailAddress("me@example.org"))
    #expect(
      envelope.recipients.map { "\($0.address) \($0.original?.description ?? "")" }
        == [
          "one+x@r.example list+x", "two+x@r.example list+x", "list+x@example.org list+x",
          "two@r.example ", "you@r.example ",
        ].map { $0.replacing("one+x@r.example", with: "three+x@example.org") })
    #expect(fixture.intake.memory.pinned == 0)
  }

  /// As with Postfix, where `qmgr` redirects what `cleanup` has expanded.
  @Test(arguments: [
    ("REDIRECT", ["to@example.org"]), ("BCC", ["a@r.example", "b@r.example", "one@r.example"]),
  ])
  @ReactorActor
  func aCopyOfAnAccessTableIsExpandedAndARedirectionIsNot(
    action: String, addresses: [String]
  ) async throws {
    let fixture = try Fixture(
      aliases: ["inline:{to=one@r.example}"],
      access: {
        $0.restrictions[.recipient] = [
          "check_recipient_access", "inline:{ {a@r.example=\(action) to@example.org} }",
        ]
      })
    _ = try await send(fixture, to: "a@r.example", "b@r.example")
    let envelope = try #require(fixture.spool.messages.first).envelope
    #expect(envelope.recipients.map(\.address) == addresses.map { MailAddress($0) })
  }

  @Test @ReactorActor func aRecipientNamedTwiceGetsOneCopy() async throws {
    let fixture = try Fixture()
    _ = try await send(fixture, to: "a@r.example", "A@r.example", "postmaster", "a@r.example")
    let envelope = try #require(fixture.spool.messages.first).envelope
    #expect(
      envelope.recipients.map(\.address.description) == ["a@r.example", "postmaster@example.org"])
    #expect(envelope.recipients.map(\.original) == [nil, MailAddress("postmaster")])
  }

  @Test(arguments: [
    (
      "inline:{a@r.example=b@r.example b@r.example=a@r.example}", "451 4.6.0 Alias expansion error",
      ["unreasonable virtual_alias_maps map nesting for a@r.example"]
    ),
    (
      "fail:now", "451 4.3.0 Error: queue file write error",
      [nil, "virtual_alias_maps map lookup problem for a@r.example"]
    ),
  ])
  @ReactorActor func mailIsNotTakenWhileItsRecipientsCannotBeTold(
    table: String, reply: String, warnings: [String?]
  ) async throws {
    let fixture = try Fixture(aliases: [table])
    #expect(try await send(fixture, to: "a@r.example") == reply)
    #expect(fixture.spool.messages.isEmpty)
    let lines = try fixture.logLines().filter { $0.hasPrefix("cleanup: warning: ") }
    #expect(lines.count == warnings.count)
    for (line, warning) in zip(lines, warnings) {
      guard let warning else { continue }
      #expect(line.hasSuffix(": \(warning) -- message not accepted, try again later"))
    }
    #expect(fixture.intake.memory.pinned == 0)
  }

  @Test @ReactorActor func expandedRecipientsTakeMemoryThatIsThere() async throws {
    let many = (0..<200).map { "user\($0)@r.example" }.joined(separator: ", ")
    let fixture = try Fixture(bodyMemory: 8192, aliases: ["inline:{ { a@r.example = \(many) } }"])
    #expect(try await send(fixture, to: "a@r.example") == "452 4.3.1 Insufficient system storage")
    #expect(fixture.spool.messages.isEmpty)
    #expect(try await send(fixture, to: "b@r.example").hasPrefix("250 "))
    #expect(fixture.intake.memory.pinned == 0)
  }

  @Test @ReactorActor func expandedRecipientsCountUntilTheRecordIsFlushed() async throws {
    let many = (0..<200).map { "user\($0)@r.example" }.joined(separator: ", ")
    let aliases = ["inline:{ { a@r.example = \(many) } }"]
    let roomy = try Fixture(aliases: aliases)
    roomy.spool.commits.shut()
    async let measured = send(roomy, to: "a@r.example")
    try await settle { roomy.spool.commits.waiting == 1 }
    let held = roomy.intake.memory.pinned
    #expect(held > 200 * 16)
    roomy.spool.commits.open()
    #expect(try await measured.hasPrefix("250 "))

    // An expansion under way takes twice as much as what it leaves.
    let fixture = try Fixture(bodyMemory: held * 5 / 2, aliases: aliases)
    fixture.spool.commits.shut()
    async let first = send(fixture, to: "a@r.example")
    try await settle { fixture.spool.commits.waiting == 1 }
    #expect(fixture.intake.memory.pinned == held)
    #expect(
      try await send(fixture, to: "a@r.example") == "452 4.3.1 Insufficient system storage")
    fixture.spool.commits.open()
    #expect(try await first.hasPrefix("250 "))
    #expect(fixture.intake.memory.pinned == 0)
    #expect(try await send(fixture, to: "a@r.example").hasPrefix("250 "))
  }
}
