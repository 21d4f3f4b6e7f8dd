import LookupTables
import Reactor
import SMTPGrammar
import Testing

@testable import SMTPReceiver

/// `smtpd_command_filter` and lines that no table is to see.
@Suite(.timeLimit(.minutes(1))) struct CommandFilterTests {
  init() { Reactor.startThread() }

  @ReactorActor private func fixture() throws -> Fixture {
    try Fixture(commandFilter: TableSet(["static:NOOP"], opener: TableOpener { _ in nil }))
  }

  @Test @ReactorActor func aCommandIsTakenAsTheTableSays() async throws {
    let client = try await fixture().connect()
    #expect(try await client.ask("FOO") == "250 2.0.0 Ok")
  }

  @Test @ReactorActor func aLineOverTheLimitIsNotLookedUp() async throws {
    let fixture = try fixture()
    let client = try await fixture.connect()
    let piece = String(repeating: "A", count: fixture.rules.lineLengthMax)
    for _ in 0..<20 { try await client.send(piece) }
    #expect(try await client.ask("") == "500 5.5.2 Error: line too long")
    #expect(try await client.ask("FOO") == "250 2.0.0 Ok")
  }
}
