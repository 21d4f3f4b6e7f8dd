import MailSite
import MailTypes
import MilterCore
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPServerCore
import Testing

@testable import SMTPReceiver

/// Milters that fail, take too long, or want more than there is room for.
extension MilterTests {
  @Test @ReactorActor func aMilterThatFailsGetsItsDefaultAction() async throws {
    let failures: [(TestMilter.Answer, String)] = [
      (.close, "can't read SMFIC_BODYEOB reply packet header: Application error"),
      (.send([0xff, 0xff, 0xff, 0xff]), "a packet of 4294967295 bytes after event SMFIC_BODYEOB"),
      (.say("f"), "an unexpected packet of type 'f' after event SMFIC_BODYEOB"),
      (.wait, "can't read SMFIC_BODYEOB reply packet header: Connection timed out"),
    ]
    for (failure, line) in failures {
      for (action, reply) in [
        ("accept", "250 2.0.0 Ok"), ("reject", "550 5.5.0 Service unavailable"),
        ("tempfail", "451 4.7.1 Service unavailable - try again later"),
        ("quarantine", "250 2.0.0 Ok"),
      ] {
        let milter = try TestMilter(["E": [.say("hX-Half\0done\0"), failure]])
        let fixture = try fixture(
          [milter], "milter_default_action = \(action)\nmilter_content_timeout = 1s")
        let last = try await send(fixture).last
        #expect(last?.hasPrefix(reply) == true, "\(action) \(failure)")
        #expect(
          try fixture.logLines().contains {
            $0 == "smtpd: warning: milter inet:127.0.0.1:\(milter.port): \(line)"
          }, "\(action) \(failure)")
        let kept = fixture.spool.messages.first
        #expect((kept != nil) == reply.hasPrefix("250"), "\(action) \(failure)")
        if let kept {
          #expect(text(kept) == "Subject: x|Foo:  y|\tz|hi|..dot")
          #expect(kept.flags.contains(.entersOnHold) == (action == "quarantine"))
        }
        milter.stop()
      }
    }
  }

  /// Postfix goes on for ever: each packet restarts `milter_content_timeout`.
  @Test(arguments: [("E", "SMFIC_BODYEOB"), ("M", "SMFIC_MAIL")])
  @ReactorActor func aMilterThatIsAlwaysAtWorkIsNotWaitedForLongerThanItsLimit(
    stage: String, name: String
  ) async throws {
    let milter = try TestMilter([Character(stage): [.sayForever("p")]])
    let fixture = try fixture([milter], "milter_time_limit = 1s")
    #expect(
      try await send(fixture).contains("451 4.7.1 Service unavailable - try again later"))
    #expect(fixture.spool.messages.isEmpty)
    #expect(
      try fixture.logLines().contains(
        "smtpd: warning: milter inet:127.0.0.1:\(milter.port): can't read \(name) reply packet "
          + "header: Connection timed out"))
    milter.stop()
  }

  /// As in Postfix: its wish could not be granted, but the milter works.
  @Test @ReactorActor func aWishThatFindsNoRoomRefusesTheMessageAndKeepsTheMilter() async throws {
    let body = "b" + String(repeating: "x", count: 50_000) + "\r\n"
    let milter = try TestMilter(["E": [.say(body), .say("hX-More\0y\0"), .say("c")]])
    let list = "smtpd_milters = inet:127.0.0.1:\(milter.port)\nmilter_default_action = accept"
    let fixture = try Fixture(
      milters: try siteMilters(list), change: { $0.messageSizeLimit = 40_000 })
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    for _ in 0..<2 {
      for line in ["MAIL FROM:<a@b.test>", "RCPT TO:<q@r.test>", "DATA"] {
        _ = try await client.ask(line)
      }
      #expect(try await client.ask("hi\r\n.") == "552 5.3.4 Error: message file too big")
    }
    _ = try await client.ask("QUIT")
    #expect(milter.told.filter { $0 == "E" }.count == 2)
    #expect(fixture.spool.messages.isEmpty)
    milter.stop()
  }

  /// As in Postfix: who fails once is not asked again, and its default action holds for all mail of
  /// the session.
  @Test @ReactorActor func aMilterThatHasFailedIsNotAskedAgainInTheSession() async throws {
    let milter = try TestMilter(["T": [.close]])
    let fixture = try fixture([milter])
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    let later = "451 4.7.1 Service unavailable - try again later"
    #expect(try await client.ask("MAIL FROM:<a@b.test>") == "250 2.1.0 Ok")
    #expect(try await client.ask("RCPT TO:<q@r.test>") == "250 2.1.5 Ok")
    #expect(try await client.ask("DATA") == later)
    #expect(try await client.ask("RCPT TO:<q@r.test>") == later)
    _ = try await client.ask("RSET")
    #expect(try await client.ask("MAIL FROM:<a@b.test>") == later)
    #expect(milter.told.filter { $0.hasPrefix("M") }.count == 1)
    milter.stop()
  }

  @Test @ReactorActor func aMilterThatIsNotThereIsSaidToBe() async throws {
    let milter = try TestMilter()
    milter.stop()
    let fixture = try fixture([milter])
    #expect(try await send(fixture)[2] == "451 4.7.1 Service unavailable - try again later")
    #expect(
      try fixture.logLines().contains {
        $0.hasPrefix("smtpd: warning: connect to Milter service inet:127.0.0.1:\(milter.port): ")
      })
    let settings = "smtpd_milters = { unix:/nowhere/sock, default_action=accept }"
    let lenient = try Fixture(milters: try siteMilters(settings))
    #expect(try await send(lenient).last?.hasPrefix("250 2.0.0 Ok") == true)
  }

  @Test @ReactorActor func aHeldMessageIsStillRefusedByTheNext() async throws {
    let gone = try TestMilter(["M": [.close]])
    let strict = try TestMilter(["E": [.say("r")]])
    let fixture = try fixture([gone, strict], "milter_default_action = quarantine")
    #expect(try await send(fixture).last == "550 5.7.1 Command rejected")
    gone.stop()
    strict.stop()
  }

  @Test(arguments: [
    ("tempfail", "451 4.7.1 Service unavailable - try again later"),
    ("quarantine", "451 4.7.1 Service unavailable - try again later"),
  ])
  @ReactorActor
  func whereTheMiltersAreNotKnownNoMailPassesThemBy(action: String, reply: String) async throws {
    let fixture = try Fixture(
      milters: try siteMilters(
        "smtpd_milter_maps = inline:{ {192.0.2.7 = bogus} }\nmilter_default_action = \(action)"))
    let client = try await fixture.connect()
    _ = try await client.ask("EHLO c.test")
    for _ in 0..<2 {
      let said = try await client.ask("MAIL FROM:<a@b.test>")
      let log = try fixture.logLines()
      #expect(said == reply, "\(log)")
    }
    _ = try await client.ask("QUIT")
    #expect(fixture.spool.messages.isEmpty)
  }

  @Test @ReactorActor func aHeaderThatMiltersCannotBeShownIsRefusedWhateverTheDefault()
    async throws
  {
    let milter = try TestMilter()
    let fixture = try fixture([milter], "milter_default_action = accept")
    let header = String(repeating: "a:\r\n", count: 10_001)
    let reply = try await send(fixture, content: "\(header)\r\nhi\r\n").last
    #expect(reply == "552 5.3.4 Error: message file too big")
    #expect(fixture.spool.messages.isEmpty)
  }

  @Test @ReactorActor func whatMiltersSeeAndAddTakesMemoryThatIsThere() async throws {
    let full = "452 4.3.1 Insufficient system storage"
    let milter = try TestMilter(["E": [.say("hX-Added\0yes\0"), .say("c")]])
    let fixture = try fixture([milter], bodyMemory: 100_000)
    let header = String(repeating: "a:\r\n", count: 1000)
    #expect(try await send(fixture, content: "\(header)\r\nhi\r\n").last == full)
    #expect(fixture.spool.messages.isEmpty)
    #expect(fixture.intake.memory.pinned == 0)
    #expect(try await send(fixture).last?.hasPrefix("250 ") == true)
    #expect(fixture.intake.memory.pinned == 0)
    milter.stop()

    let value = String(repeating: "v", count: 40_000)
    for edit in ["hX-Large\0\(value)\0", "b\(value)\r\n"] {
      let generous = try TestMilter([
        "E": Array(repeating: .say(edit), count: 3) + [.say("c")]
      ])
      let narrow = try self.fixture([generous], bodyMemory: 100_000)
      #expect(try await send(narrow).last == full)
      #expect(narrow.spool.messages.isEmpty)
      #expect(narrow.intake.memory.pinned == 0)
      generous.stop()
    }
  }
}
