import MailTypes
import QueueFormat
import QueueStore
import Reactor
import Testing

@testable import AccessPolicy
@testable import SMTPReceiver

/// What becomes of a message that access tables have orders about.
@Suite struct MessageOrderTests {
  init() { Reactor.startThread() }

  private static let actions = """
    check_sender_access inline:{ {hold.test = HOLD} {f.test = FILTER scan:[192.0.2.9]:25} \
    {r.test = REDIRECT z@y.test} {b.test = BCC c@y.test} {l.test = REDIRECT trap@example.org} }, \
    check_recipient_access inline:{ {late@example.org = REDIRECT z@y.test} }
    """

  @ReactorActor
  private func send(
    from sender: String, to recipients: [String] = ["b@example.org"], filter: String = "",
    aliases: [String] = [], localAliases: [String] = []
  ) async throws -> PendingRecord {
    let fixture = try Fixture(
      contentFilter: filter, aliases: aliases, localAliases: localAliases,
      access: { $0.restrictions[.sender] = words(Self.actions) })
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    // The orders of one message are not those of the next.
    for address in [sender, "a@plain.test"] {
      _ = try await client.ask("MAIL FROM:<\(address)>")
      for recipient in recipients {
        #expect(try await client.ask("RCPT TO:<\(recipient)>") == "250 2.1.5 Ok")
      }
      _ = try await client.ask("DATA")
      #expect(try await client.ask("x\r\n.").hasPrefix("250 2.0.0 Ok: queued as "))
    }
    let plain = try #require(fixture.spool.messages.last)
    if !recipients.contains("late@example.org"), (aliases + localAliases).isEmpty {
      #expect(plain.flags == [])
      #expect(plain.envelope.contentFilter == Array(filter.utf8))
      #expect(plain.envelope.recipients.count == recipients.count)
    }
    return try #require(fixture.spool.messages.first)
  }

  @Test @ReactorActor func aHoldIsInTheRecord() async throws {
    let message = try await send(from: "a@hold.test")
    #expect(message.flags.contains(.entersOnHold))
  }

  @Test @ReactorActor func aFilterIsInTheEnvelopeAndGoesBeforeThatOfTheListener() async throws {
    let message = try await send(from: "a@f.test", filter: "other:[192.0.2.1]")
    #expect(message.envelope.contentFilter == Array("scan:[192.0.2.9]:25".utf8))
  }

  @Test @ReactorActor func aRedirectionIsForAllRecipientsAndGoesPastTheFilter() async throws {
    let message = try await send(
      from: "a@r.test", to: ["b@example.org", "c@example.org"], filter: "other:")
    #expect(message.envelope.contentFilter == [])
    #expect(
      message.envelope.recipients
        == [EnvelopeRecipient(MailAddress("z@y.test"), original: MailAddress("b@example.org"))])
  }

  @Test @ReactorActor func aRedirectionGoesBeforeAliases() async throws {
    let message = try await send(
      from: "a@r.test",
      aliases: [
        "inline:{ {b@example.org = b1@x.test, b2@x.test} {z@y.test = no@x.test} }"
      ])
    #expect(message.envelope.recipients.map(\.address) == [MailAddress("z@y.test")])
  }

  /// `local` expands its aliases wherever the mail was redirected before.
  @Test @ReactorActor func aRedirectionGoesToThoseOfAnAliasOfThisHost() async throws {
    let message = try await send(
      from: "a@l.test", to: ["b@example.org", "c@example.org"], filter: "other:",
      aliases: [
        "inline:{ {b@example.org = b1@x.test} {trap@example.org = no@x.test} "
          + "{v@y.test = w@y.test} }"
      ],
      localAliases: [
        // Those of the recipients before it are not asked for.
        "inline:{ {trap = anna, v@y.test} {c = :include:nowhere} {anna = anna} }"
      ])
    #expect(message.envelope.contentFilter == [])
    #expect(
      message.envelope.recipients
        == ["anna@example.org", "w@y.test"].map {
          EnvelopeRecipient(MailAddress($0), original: MailAddress("b@example.org"))
        })
  }

  /// As anybody's mail to such an alias.
  @Test @ReactorActor func aRedirectionToAnAliasThatLeadsNowhereWaitsForIt() async throws {
    let fixture = try Fixture(
      localAliases: ["inline:{ {trap = :include:nowhere} }"],
      access: { $0.restrictions[.sender] = words(Self.actions) })
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    _ = try await client.ask("MAIL FROM:<a@l.test>")
    _ = try await client.ask("RCPT TO:<b@example.org>")
    _ = try await client.ask("DATA")
    #expect(try await client.ask("x\r\n.").hasPrefix("250 2.0.0 Ok: queued as "))
    let message = try #require(fixture.spool.messages.first)
    #expect(message.envelope.recipients.map(\.address) == [MailAddress("trap@example.org")])
  }

  @Test @ReactorActor func aCopyIsOneRecipientMoreOfWhomNobodyHears() async throws {
    let message = try await send(from: "a@b.test")
    #expect(
      message.envelope.recipients == [
        EnvelopeRecipient(MailAddress("b@example.org")),
        EnvelopeRecipient(MailAddress("c@y.test"), notify: .never),
      ])
    let known = try await send(from: "a@b.test", to: ["c@y.test"])
    #expect(known.envelope.recipients.count == 1)
  }

  @Test @ReactorActor func anOrderOfALaterRecipientIsForAll() async throws {
    let message = try await send(from: "a@x.test", to: ["b@example.org", "late@example.org"])
    #expect(message.envelope.recipients.map(\.address) == [MailAddress("z@y.test")])
  }

  @Test @ReactorActor func etrnIsJudged() async throws {
    let fixture = try Fixture(access: {
      $0.restrictions[.etrn] = words(
        "check_etrn_access inline:{ {d.test = REJECT no}, {o.test = OK} }, reject")
    })
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    #expect(
      try await client.ask("ETRN d.test") == "554 5.7.1 <d.test>: Etrn command rejected: no")
    #expect(try await client.ask("ETRN o.test") == "459 <o.test>: service unavailable")
    #expect(
      try await client.ask("ETRN @d.test") == "554 5.7.1 <d.test>: Etrn command rejected: no")
    #expect(
      try fixture.logLines().dropFirst().prefix(2) == [
        "smtpd: NOQUEUE: reject: ETRN from unknown[192.0.2.7]: 554 5.7.1 <d.test>: Etrn command "
          + "rejected: no; proto=ESMTP helo=<c.test>",
        "smtpd: warning: reject: ETRN o.test... from unknown[192.0.2.7]",
      ])
  }
}
