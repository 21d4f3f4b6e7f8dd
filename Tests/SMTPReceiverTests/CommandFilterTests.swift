import Foundation
import LinuxSystem
import LookupTables
import Primitives
import Reactor
import SMTPGrammar
import SMTPServerCore
import Streams
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

  /// Bytes that a socket holds for its reader.
  private static func unread(_ socket: Int32) -> Int32 {
    var count: Int32 = 0
    return ioctl(socket, UInt(FIONREAD), &count) == 0 ? count : -1
  }

  @Test @ReactorActor func aLineThatNeverEndsIsNotKept() async throws {
    let fixture = try fixture()
    var pair = try Sockets.streamPair()
    let client = TestClient(try ByteStream(pair.takeFirst()))
    let server = pair.takeSecond()
    let socket = server.raw
    let session = SMTPSession(
      try ByteStream(server),
      client: SMTPClientIdentity(
        name: "unknown", address: try #require(IPAddress("192.0.2.7")), port: 4321),
      rules: fixture.rules, intake: fixture.intake)
    let running = reactorTask { await session.run() }
    _ = try await client.replies(1)
    let piece = String(repeating: "A", count: fixture.rules.lineLengthMax / 2 + 1)
    for _ in 0..<40 {
      try await client.send(piece)
      try await settle { Self.unread(socket) == 0 }
      #expect(session.lines.hasPartialLine)
      #expect(session.lines.count <= fixture.rules.lineLengthMax + 1)
    }
    #expect(try await client.ask("") == "500 5.5.2 Error: line too long")
    #expect(try await client.ask("FOO") == "250 2.0.0 Ok")
    client.stream.close()
    await running.value
  }
}
