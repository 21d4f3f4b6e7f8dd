import Configuration
import LookupTables
import Primitives
import Reactor
import Testing

@testable import SMTPReceiver

@Suite struct RejectFooterTests {
  init() { Reactor.startThread() }

  private func footer(_ text: String, _ tables: [String] = []) throws -> RejectFooter? {
    let main = MainFile(Array(text.utf8), file: "main.cf")
    let evaluation = Configuration.evaluate(
      main, host: HostFacts(hostname: "mx.example.org", interfaces: []))
    try #require(!evaluation.hasErrors)
    return RejectFooter(
      evaluation.configuration, tables: try TableSet(tables, opener: FixtureSite.opener))
  }

  private func added(_ footer: RejectFooter, _ replies: String) async -> (String, [String]) {
    var warnings: [String] = []
    let attributes = RejectFooter.Attributes(
      client: "192.0.2.7", port: "4321", time: "Nov  9 17:41:00", server: "mx.example.org")
    let out = await footer.added(to: Array(replies.utf8)[...], attributes) { warnings.append($0) }
    return (String(decoding: out, as: UTF8.self), warnings)
  }

  @Test func nothingIsAddedWithoutTheParameters() throws {
    #expect(try footer("") == nil)
    #expect(try footer("", ["inline:{a=b}"]) != nil)
  }

  /// The rows were played to a running Postfix.
  @Test(arguments: [
    (
      #"at $localtime from $client_address:$client_port"#, "503 5.5.1 Error\r\n",
      "503-5.5.1 Error\r\n503 5.5.1 at Nov  9 17:41:00 from 192.0.2.7:4321\r\n"
    ),
    (
      #"\c. Call ${server_name}\nor not"#, "501 Syntax\r\n",
      "501-Syntax. Call mx.example.org\r\n501 or not\r\n"
    ),
    (
      "x", "250 Ok\r\n450-4.7.1 a\r\n450 4.7.1 b\r\n221 Bye\r\n",
      "250 Ok\r\n450-4.7.1 a\r\n450-4.7.1 b\r\n450 4.7.1 x\r\n221 Bye\r\n"
    ),
    ("x", "354 End\r\n", "354 End\r\n"), (#"\c"#, "550 5.1.1 a\r\n", "550 5.1.1 a\r\n"),
    ("x", "550 4.1.1 a\r\n", "550-4.1.1 a\r\n550 x\r\n"),
  ])
  func refusalsEndWithIt(template: String, before: String, after: String) async throws {
    let footer = try #require(try footer("smtpd_reject_footer = \(template)\n"))
    #expect(await added(footer, before).0 == after)
  }

  @Test func aTableKnowsReplies() async throws {
    let footer = try #require(
      try footer(
        "smtpd_reject_footer = usual\n", ["inline:{ {554 5.7.1 No = \\c. Never} }", "fail:x"]))
    #expect(await added(footer, "554 5.7.1 No\r\n").0 == "554 5.7.1 No. Never\r\n")
    let other = await added(footer, "500 Error\r\n")
    #expect(other.0 == "500-Error\r\n500 usual\r\n")
    #expect(other.1.count == 1)
  }

  @Test func aTemplateThatIsNoneIsLeftOutWithAWarning() async throws {
    let footer = try #require(try footer("smtpd_reject_footer = ${open\n"))
    let result = await added(footer, "500 Error\r\n")
    #expect(result.0 == "500 Error\r\n")
    #expect(result.1.count == 1)
  }

  @Test @ReactorActor func everyRefusalOfASessionHasIt() async throws {
    let fixture = try Fixture(footer: try footer("smtpd_reject_footer = call $client_address\n"))
    let client = try await fixture.connect()
    for (command, reply) in [
      ("FOO", "500-5.5.2 Error: command not recognized|500 5.5.2 call 192.0.2.7"),
      ("NOOP", "250 2.0.0 Ok"),
      ("BAR", "500-5.5.2 Error: command not recognized|500 5.5.2 call 192.0.2.7"),
    ] {
      try await client.send(command + "\r\n")
      #expect(try await client.replies(1) == [reply])
    }
  }

  @Test @ReactorActor func aTimeoutHasItToo() async throws {
    let fixture = try Fixture(
      timeout: .milliseconds(20), footer: try footer("smtpd_reject_footer = \\c!\n"))
    let client = try await fixture.connect()
    #expect(try await client.rest() == "421 4.4.2 mx.example.org Error: timeout exceeded!\r\n")
  }

  /// A shutdown or a reload cancels sessions that wait for their client.
  @Test @ReactorActor func aSessionThatIsShutDownHasItToo() async throws {
    let fixture = try Fixture(footer: try footer("", ["uncancelled:\\c, come again"]))
    let client = try await fixture.connect()
    await fixture.sessions.drain(deadline: Reactor.shared.now + .seconds(10))
    #expect(
      try await client.rest()
        == "421 4.3.2 mx.example.org Service shutting down, come again\r\n")
  }

  @Test @ReactorActor func commandsAreTakenAsTheTableHasThem() async throws {
    let opener = TableOpener { _ in nil }
    let table = try TableSet(["inline:{ {HELLO = HELO c}, {EMPTY = NOOP} }"], opener: opener)
    let fixture = try Fixture(commandFilter: table)
    let client = try await fixture.connect()
    #expect(try await client.ask(" HELLO") == "250 mx.example.org")
    #expect(try await client.ask("empty") == "250 2.0.0 Ok")
    #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
    #expect(
      try fixture.logLines().contains {
        $0.contains("replacing command \"HELLO\" with \"HELO c\"")
      })
  }

  @Test @ReactorActor func aFilterThatDoesNotAnswerEndsTheSession() async throws {
    let opener = TableOpener { _ in nil }
    let fixture = try Fixture(commandFilter: try TableSet(["fail:x"], opener: opener))
    let client = try await fixture.connect()
    try await client.send("HELO c\r\n")
    #expect(try await client.rest() == "421 4.3.0 mx.example.org Server local data error\r\n")
  }
}
