import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPServerCore
import Streams
import Testing

@testable import AccessPolicy
@testable import SMTPReceiver

/// What a session does with the verdicts of access policy.
@Suite struct AccessTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aRefusedClientMayOnlyLeave() async throws {
    let fixture = try Fixture(access: {
      $0.delaysReject = false
      $0.restrictions[.client] = ["reject"]
    })
    let client = try fixture.connectSilently()
    #expect(
      try await client.replies(1)
        == ["554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied"])
    #expect(
      try await client.ask("EHLO c.test") == "503 5.7.0 Error: access denied for unknown[192.0.2.7]"
    )
    #expect(try await client.ask("NOOP") == "503 5.7.0 Error: access denied for unknown[192.0.2.7]")
    #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
    #expect(
      try fixture.logLines().dropFirst().first
        == "smtpd: NOQUEUE: reject: CONNECT from unknown[192.0.2.7]: 554 5.7.1 "
        + "<unknown[192.0.2.7]>: Client host rejected: Access denied; proto=SMTP")
  }

  @Test @ReactorActor func whoSpeaksBeforeTheGreetingIsJudgedAllTheSame() async throws {
    let fixture = try Fixture(
      change: { $0.forbidsUnauthorizedPipelining = false },
      access: {
        $0.delaysReject = false
        $0.restrictions[.client] = ["reject"]
      })
    let client = try fixture.connectSilently()
    _ = try client.stream.writeNow(Array("EHLO c.test\r\n".utf8))
    #expect(
      try await client.replies(2) == [
        "554 5.7.1 <unknown[192.0.2.7]>: Client host rejected: Access denied",
        "503 5.7.0 Error: access denied for unknown[192.0.2.7]",
      ])
  }

  @Test @ReactorActor func theClientsPortIsNamedIfWanted() async throws {
    let fixture = try Fixture(
      logsClientPort: true, access: { $0.restrictions[.client] = ["reject"] })
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    _ = try await client.ask("MAIL FROM:<a@b.test>")
    #expect(
      try await client.ask("RCPT TO:<b@example.org>")
        == "554 5.7.1 <unknown[192.0.2.7]:4321>: Client host rejected: Access denied")
    _ = try await client.ask("QUIT")
    #expect(try await client.rest().isEmpty)
    #expect(
      try fixture.logLines() == [
        "smtpd: connect from unknown[192.0.2.7]:4321",
        "smtpd: NOQUEUE: reject: RCPT from unknown[192.0.2.7]:4321: 554 5.7.1 "
          + "<unknown[192.0.2.7]:4321>: Client host rejected: Access denied; from=<a@b.test> "
          + "to=<b@example.org> proto=ESMTP helo=<c.test>",
        "smtpd: disconnect from unknown[192.0.2.7]:4321 ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4",
      ])
  }

  @Test @ReactorActor func aRefusedHeloLeavesTheSessionAsItWas() async throws {
    let fixture = try Fixture(
      change: { $0.asksAboutHelo = true },
      access: {
        $0.delaysReject = false
        $0.restrictions[.helo] = ["reject_non_fqdn_helo_hostname"]
      })
    let client = try await fixture.connect()
    #expect(
      try await client.ask("EHLO c")
        == "504 5.5.2 <c>: Helo command rejected: need fully-qualified hostname")
    #expect(try await client.ask("MAIL FROM:<a@b.test>") == "250 2.1.0 Ok")
    #expect(try await client.ask("HELO d").hasPrefix("504 5.5.2 <d>"))
    #expect(try await client.ask("MAIL FROM:<a@b.test>") == "503 5.5.1 Error: nested MAIL command")
    #expect(try await client.ask("EHLO c.test").hasPrefix("250-"))
    #expect(
      try fixture.logLines().dropFirst().prefix(2) == [
        "smtpd: NOQUEUE: reject: EHLO from unknown[192.0.2.7]: 504 5.5.2 <c>: Helo command "
          + "rejected: need fully-qualified hostname; proto=SMTP helo=<c>",
        "smtpd: NOQUEUE: reject: HELO from unknown[192.0.2.7]: 504 5.5.2 <d>: Helo command "
          + "rejected: need fully-qualified hostname; from=<a@b.test> proto=SMTP helo=<d>",
      ])
  }

  @Test @ReactorActor func dataAndItsEndMayBeRefused() async throws {
    for (name, answer) in [
      (RestrictionList.Name.data, "554 5.7.1 <DATA>: Data command rejected: Access denied"),
      (.endOfData, "554 5.7.1 <END-OF-MESSAGE>: End-of-data rejected: Access denied"),
    ] {
      let fixture = try Fixture(access: { $0.restrictions[name] = ["reject"] })
      let client = try await fixture.connect()
      _ = try await client.ask("EHLO c.test")
      _ = try await client.ask("MAIL FROM:<a@b.test>")
      _ = try await client.ask("RCPT TO:<b@example.org>")
      var reply = try await client.ask("DATA")
      if name == .endOfData { reply = try await client.ask("x\r\n.") }
      #expect(reply == answer)
      #expect(fixture.spool.messages.isEmpty)
      #expect(fixture.spool.inData == 0)
      #expect(fixture.intake.memory.used == 0)
      #expect(try fixture.logLines().last?.contains(": reject: ") == true)
    }
  }

  @Test @ReactorActor func aDiscardedMessageIsAnsweredAndNotKept() async throws {
    let fixture = try Fixture(access: {
      $0.restrictions[.sender] = words("check_sender_access inline:{ {spam.test = DISCARD} }")
    })
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    for sender in ["a@spam.test", "a@good.test"] {
      _ = try await client.ask("MAIL FROM:<\(sender)>")
      #expect(try await client.ask("RCPT TO:<b@example.org>") == "250 2.1.5 Ok")
      _ = try await client.ask("DATA")
      #expect(try await client.ask("x\r\n.").hasPrefix("250 2.0.0 Ok: queued as "))
    }
    #expect(fixture.spool.messages.map { "\($0.envelope.sender)" } == ["a@good.test"])
    #expect(fixture.intake.memory.used == 0)
    let line = try fixture.logLines().first { $0.contains(": discard: ") }
    #expect(
      line
        == "smtpd: NOQUEUE: discard: RCPT from unknown[192.0.2.7]: <a@spam.test>: Sender address "
        + "triggers DISCARD action; from=<a@spam.test> to=<b@example.org> proto=ESMTP helo=<c.test>"
    )
  }

  @Test @ReactorActor func fieldsArePrependedToTheirMessageOnly() async throws {
    let fixture = try Fixture(access: {
      $0.restrictions[.sender] = words(
        "check_sender_access inline:{ {one.test = PREPEND X-One: two} }")
    })
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    for sender in ["a@one.test", "a@two.test"] {
      _ = try await client.ask("MAIL FROM:<\(sender)>")
      _ = try await client.ask("RCPT TO:<b@example.org>")
      _ = try await client.ask("DATA")
      _ = try await client.ask("Subject: x\r\n\r\ny\r\n.")
    }
    let starts = fixture.spool.messages.map {
      String(decoding: $0.content.prefix(20), as: UTF8.self)
    }
    #expect(starts[0].hasPrefix("X-One: two\r\nReceived"))
    #expect(starts[1].hasPrefix("Received: from c.tes"))
  }

  @Test @ReactorActor func hangingUpSaysNothing() async throws {
    let fixture = try Fixture(access: {
      $0.restrictions[.client] = words("check_client_access static:HANGUP")
    })
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    _ = try await client.ask("MAIL FROM:<a@b.test>")
    try await client.send("RCPT TO:<b@example.org>\r\n")
    #expect(try await client.rest() == "")
    #expect(
      try fixture.logLines().dropFirst().first
        == "smtpd: NOQUEUE: hangup: RCPT from unknown[192.0.2.7]: ; from=<a@b.test> "
        + "to=<b@example.org> proto=ESMTP helo=<c.test>")
  }

  @Test @ReactorActor func warningsRefuseNothing() async throws {
    let fixture = try Fixture(access: {
      $0.restrictions[.helo] = words("warn_if_reject reject")
    })
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    _ = try await client.ask("MAIL FROM:<a@b.test>")
    #expect(try await client.ask("RCPT TO:<b@example.org>") == "250 2.1.5 Ok")
    #expect(
      try fixture.logLines().dropFirst().first
        == "smtpd: NOQUEUE: reject_warning: RCPT from unknown[192.0.2.7]: 554 5.7.1 <c.test>: Helo "
        + "command rejected: Access denied; from=<a@b.test> to=<b@example.org> proto=ESMTP "
        + "helo=<c.test>")
  }
}
