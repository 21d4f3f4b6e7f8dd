import Primitives
import Reactor
import SMTPServerCore
import ServiceKit
import Streams
import Testing

@testable import SMTPReceiver

/// How sessions end that do not say QUIT.
@Suite struct EndingTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aSilentClientIsTimedOut() async throws {
    let fixture = try Fixture(timeout: .milliseconds(100))
    let client = try await fixture.connect()
    #expect(try await client.rest() == "421 4.4.2 mx.example.org Error: timeout exceeded\r\n")
    #expect(
      try fixture.logLines() == [
        "smtpd: connect from unknown[192.0.2.7]",
        "smtpd: timeout after CONNECT from unknown[192.0.2.7]",
        "smtpd: disconnect from unknown[192.0.2.7] commands=0/0",
      ])
  }

  @Test @ReactorActor func aCommandThatDripsIsTimedOut() async throws {
    let fixture = try Fixture(timeout: .seconds(1))
    let client = try await fixture.connect()
    let end = Reactor.shared.now + .seconds(30)
    while fixture.room.count > 0, Reactor.shared.now < end {
      // Fails once the server has closed its end.
      try? await client.send("N")
      await pass(.milliseconds(5))
    }
    #expect(
      try fixture.logLines().contains("smtpd: timeout after CONNECT from unknown[192.0.2.7]"))
  }

  @Test @ReactorActor func contentThatStopsIsTimedOut() async throws {
    let fixture = try Fixture(timeout: .seconds(6)) { $0.forbidsUnauthorizedPipelining = false }
    let client = try fixture.connectSilently()
    try await client.send("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
    #expect(
      try await client.rest().hasSuffix(
        "421 4.4.2 mx.example.org Error: timeout exceeded\r\n"))
    #expect(
      try fixture.logLines().contains(
        "smtpd: timeout after DATA (0 bytes) from unknown[192.0.2.7]"))
    #expect(fixture.spool.inData == 0)
    #expect(fixture.intake.memory.used == 0)
  }

  @Test func contentEarnsItsTime() {
    let start = MonotonicTime(nanoseconds: 0)
    var deadline = ContentDeadline(from: start, timeout: .seconds(300), rateMin: 500)
    #expect(deadline.time == start + .seconds(300))
    deadline.receive(500, at: start + .seconds(100))
    #expect(deadline.time == start + .seconds(301))
    deadline.receive(65536, at: start + .seconds(100))
    #expect(deadline.time == start + .seconds(400))
    for second in 101...2000 { deadline.receive(500, at: start + .seconds(second)) }
    #expect(deadline.time == start + .seconds(2300))
  }

  @Test func withoutADeadlineForRequestsWhateverComesGivesAllTheTime() {
    let start = MonotonicTime(nanoseconds: 0)
    var deadline = ContentDeadline(
      from: start, timeout: .seconds(10), rateMin: 100, isForRequest: false)
    deadline.receive(1, at: start + .seconds(9))
    #expect(deadline.time == start + .seconds(19))
  }

  @Test func theDiskIsNotTheClientsFault() {
    let start = MonotonicTime(nanoseconds: 0)
    var deadline = ContentDeadline(from: start, timeout: .seconds(10), rateMin: 100)
    deadline.postpone(by: .seconds(60))
    #expect(deadline.time == start + .seconds(70))
  }

  @Test @ReactorActor func aClientThatGoesLeavesNoMessage() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    try await begin(client)
    try await client.send("Subject: half\r\n\r\nHa")
    try await settle { fixture.intake.memory.used > 0 }
    client.stream.close()
    try await settle { fixture.room.count == 0 }
    #expect(fixture.spool.messages.isEmpty)
    #expect(fixture.spool.inData == 0)
    #expect(fixture.intake.memory.used == 0)
    #expect(
      try fixture.logLines().contains(
        "smtpd: lost connection after DATA (17 bytes) from unknown[192.0.2.7]"))
  }

  @Test @ReactorActor func tooManyErrorsEndTheSession() async throws {
    let fixture = try Fixture { $0.hardErrorLimit = 3 }
    let client = try await fixture.connect()
    try await client.send("FOO\r\nBAR\r\nBAZ\r\nNOOP\r\n")
    let text = try await client.rest()
    #expect(text.hasSuffix("421 4.7.0 mx.example.org Error: too many errors\r\n"))
    #expect(
      try fixture.logLines().contains(
        "smtpd: too many errors after UNKNOWN from unknown[192.0.2.7]"))
  }

  @Test @ReactorActor func repliesAreHeldBackFromTheSoftLimitOn() async throws {
    let fixture = try Fixture {
      $0.softErrorLimit = 2
      $0.errorSleepTime = .milliseconds(30)
    }
    let client = try await fixture.connect()
    _ = try await client.ask("FOO")
    _ = try await client.ask("FOO")
    let begin = Reactor.shared.now
    _ = try await client.ask("FOO")
    _ = try await client.ask("NOOP")
    #expect(Reactor.shared.now.since(begin) >= .milliseconds(55))
  }

  @Test @ReactorActor func drainingEndsIdleSessionsAndLetsContentFinish() async throws {
    let fixture = try Fixture()
    let idle = try await fixture.connect()
    let between = try await fixture.connect()
    _ = try await between.ask("EHLO c")
    _ = try await between.ask("MAIL FROM:<>")
    let busy = try await fixture.connect()
    try await begin(busy)
    let draining = reactorTask {
      await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(10))
    }
    let farewell = "421 4.3.2 mx.example.org Service shutting down\r\n"
    #expect(try await idle.rest() == farewell)
    #expect(try await between.rest() == farewell)
    #expect(try await busy.ask("x\r\n.").hasPrefix("250 2.0.0 Ok: queued as "))
    #expect(try await busy.rest() == farewell)
    await draining.value
    #expect(fixture.spool.messages.count == 1)
  }

  @Test @ReactorActor func drainingWaitsNoLongerThanItsDeadline() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    try await begin(client)
    await fixture.sessions.drain(deadline: Reactor.shared.now + .milliseconds(30))
    #expect(try await client.rest().hasPrefix("421 4.3.2 "))
    #expect(fixture.spool.messages.isEmpty)
    #expect(fixture.spool.inData == 0)
  }

  @Test @ReactorActor func aClientAtWhoseInputAProcessDiedIsTurnedAwayForAWhile() async throws {
    let fixture = try Fixture()
    let now = Reactor.shared.now
    for (text, time) in [("192.0.2.7", 3600), ("192.0.2.8", -1)] as [(String, Int64)] {
      let address = try #require(IPAddress(text))
      fixture.intake.refusedClients.add(
        .init(address: address, until: now + .seconds(time)), now: now)
    }
    let client = try fixture.connectSilently(from: "192.0.2.7")
    let rest = try await client.rest()
    #expect(rest == "421 4.3.0 mx.example.org Error: server error, try again later\r\n")
    #expect(fixture.room.count == 0)
    for address in ["192.0.2.8", "192.0.2.9"] {
      let client = try await fixture.connect(from: address)
      #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
    }
    #expect(
      try fixture.logLines().first
        == "smtpd: warning: refused unknown[192.0.2.7] for another 3600 s: a process died at its "
        + "input")
  }
}

/// Brings a session to where content is expected.
@ReactorActor
func begin(_ client: TestClient, sender: String = "a@client.example") async throws {
  _ = try await client.ask("EHLO c")
  try await client.send("MAIL FROM:<\(sender)>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
  let replies = try await client.replies(3)
  guard replies[2].hasPrefix("354 ") else { throw TestClient.Closed() }
}

/// Lets the loop turn until something is so, for at most ten seconds.
@ReactorActor
func settle(_ condition: () -> Bool) async throws {
  let deadline = Reactor.shared.now + .seconds(10)
  while !condition() {
    guard Reactor.shared.now < deadline else { throw TestClient.Closed() }
    await Reactor.shared.yieldTurn()
  }
}

/// Lets the loop turn for a while.
@ReactorActor
func pass(_ time: Duration) async {
  let end = Reactor.shared.now + time
  while Reactor.shared.now < end { await Reactor.shared.yieldTurn() }
}
