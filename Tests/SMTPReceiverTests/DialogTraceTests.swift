import LinuxSystem
import Primitives
import QueueStore
import Reactor
import ServiceKit
import Streams
import TestSupport
import Testing

@testable import SMTPReceiver

@Suite struct DialogTraceTests {
  init() { Reactor.startThread() }

  /// The reading end of a follower.
  @ReactorActor
  private struct Reader {
    let channel: PacketChannel
    let follower: DialogFollower

    init(_ network: String) throws {
      var pair = try Sockets.packetPair()
      channel = try PacketChannel(pair.takeFirst())
      follower = try DialogFollower(try #require(TraceFilter(network)), pair.takeSecond())
    }

    func lines(_ count: Int) async throws -> [String] {
      var lines: [String] = []
      while lines.count < count {
        let deadline = Reactor.shared.now + .seconds(20)
        let packet = try #require(try await channel.receive(deadline: deadline))
        lines.append(String(decoding: packet.bytes, as: UTF8.self))
      }
      return lines
    }
  }

  @Test @ReactorActor func theDialogueOfAPeerInTheListIsLoggedWithoutContent() async throws {
    let fixture = try Fixture(debugPeer: IPAddress("192.0.2.7"))
    let client = try await fixture.connect()
    _ = try await client.ask("HELO c")
    _ = try await client.ask("MAIL FROM:<>")
    _ = try await client.ask("RCPT TO:<b@example.org>")
    _ = try await client.ask("DATA")
    _ = try await client.ask("Subject: secret\r\n\r\nbody\r\n.")
    _ = try await client.ask("QUIT")
    _ = try await client.rest()
    let id = try #require(fixture.spool.messages.first?.id)
    let peer = "unknown[192.0.2.7]"
    #expect(
      try fixture.logLines().filter { $0.contains("smtpd: <") || $0.contains("smtpd: >") } == [
        "smtpd: > \(peer): 220 mx.example.org ESMTP Martinet",
        "smtpd: < \(peer): HELO c", "smtpd: > \(peer): 250 mx.example.org",
        "smtpd: < \(peer): MAIL FROM:<>", "smtpd: > \(peer): 250 2.1.0 Ok",
        "smtpd: < \(peer): RCPT TO:<b@example.org>", "smtpd: > \(peer): 250 2.1.5 Ok",
        "smtpd: < \(peer): DATA", "smtpd: > \(peer): 354 End data with <CR><LF>.<CR><LF>",
        "smtpd: > \(peer): 250 2.0.0 Ok: queued as \(id)",
        "smtpd: < \(peer): QUIT", "smtpd: > \(peer): 221 2.0.0 Bye",
      ])
    let other = try await fixture.connect(from: "192.0.2.8")
    _ = try await other.ask("HELO d")
    #expect(try fixture.logLines().count { $0.contains("192.0.2.8]: ") } == 0)
  }

  @Test @ReactorActor func sessionsThatGoOnAndSessionsToComeAreFollowed() async throws {
    let fixture = try Fixture()
    let early = try await fixture.connect()
    let stranger = try await fixture.connect(from: "198.51.100.1")
    let reader = try Reader("192.0.2.0/24")
    fixture.sessions.follow(reader.follower)
    _ = try await stranger.ask("NOOP")
    _ = try await early.ask("EHLO early")
    var lines = try await reader.lines(2)
    #expect(lines[0] == "< unknown[192.0.2.7]:4321: EHLO early")
    #expect(lines[1] == "> unknown[192.0.2.7]:4321: 250-mx.example.org")
    while lines.last?.hasPrefix("> unknown[192.0.2.7]:4321: 250 ") == false {
      lines += try await reader.lines(1)
    }
    _ = try await fixture.connect(from: "192.0.2.9")
    #expect(
      try await reader.lines(1) == ["> unknown[192.0.2.9]:4321: 220 mx.example.org ESMTP Martinet"])
    // Nobody reads any more: the session goes on alone.
    reader.channel.close()
    #expect(try await early.ask("NOOP") == "250 2.0.0 Ok")
    #expect(try await early.ask("NOOP") == "250 2.0.0 Ok")
    #expect(try fixture.logLines().count { $0.contains("> unknown") } == 0)
  }

  @Test @ReactorActor func whatProvesWhoSomebodyIsIsLeftOut() async throws {
    let reader = try Reader("192.0.2.7")
    let fixture = try Fixture()
    let trace = DialogTrace(
      isLogged: false, log: fixture.intake.log, tag: Array("smtpd".utf8),
      client: Array("c[192.0.2.7]".utf8), port: 1)
    trace.add(reader.follower)
    func say(_ line: String, unsent: String = "") {
      var line = line
      line.withUTF8 {
        trace.received(UnsafeRawBufferPointer($0), unsent: Array(unsent.utf8))
      }
    }
    say("AUTH PLAIN AGZvbwBiYXI=")
    say("auth  login Zm9v")
    say("AUTH\u{b}PLAIN\u{c}AGZvbwBiYXI=")
    say("AUTH LOGIN")
    trace.sent(Array("250 x\r\n334 VXNlcm5hbWU6\r\n".utf8)[...])
    say("Zm9v")
    // The challenge waits to be sent, and the client did not wait for it.
    say("YmFy", unsent: "334 UGFzc3dvcmQ6\r\n")
    trace.sent(Array("235 2.7.0 ok\r\n".utf8)[...])
    say("MAIL FROM:<a@b>")
    let peer = "c[192.0.2.7]:1"
    #expect(
      try await reader.lines(10) == [
        "< \(peer): AUTH PLAIN (left out)", "< \(peer): auth  login (left out)",
        "< \(peer): AUTH?PLAIN?(left out)",
        "< \(peer): AUTH LOGIN", "> \(peer): 250 x", "> \(peer): 334 VXNlcm5hbWU6",
        "< \(peer): (left out)", "< \(peer): (left out)", "> \(peer): 235 2.7.0 ok",
        "< \(peer): MAIL FROM:<a@b>",
      ])
  }

  @Test @ReactorActor func whoJoinsASessionDoesNotSeeAnAnswerToAQuestionBefore() async throws {
    let fixture = try Fixture()
    let client = try await fixture.connect()
    let reader = try Reader("192.0.2.7")
    fixture.sessions.follow(reader.follower)
    _ = try await client.ask("AGZvbwBiYXI=")
    _ = try await client.ask("WHAT")
    let lines = try await reader.lines(3)
    #expect(lines[0] == "< unknown[192.0.2.7]:4321: (left out)")
    #expect(lines[2] == "< unknown[192.0.2.7]:4321: WHAT")
  }

  @Test @ReactorActor func aSlowReaderLosesLinesAndIsToldHowMany() async throws {
    let reader = try Reader("192.0.2.7")
    let line = Array(String(repeating: "x", count: 900).utf8)
    for _ in 0..<10_000 { reader.follower.write(line) }
    var read = 0
    while case .packet? = take(reader) { read += 1 }
    #expect(read > 10 && read < 10_000)
    reader.follower.write(Array("again".utf8))
    let lost = 10_000 - read
    #expect(
      try await reader.lines(2)
        == ["... \(lost) lines lost: they came faster than they were read", "again"])
  }

  /// A packet that is there now.
  @ReactorActor
  private func take(_ reader: Reader) -> Sockets.ReceivedPacket? {
    let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    defer { space.deallocate() }
    let received = Sockets.receivePacket(reader.channel.raw, into: space)
    if case .packet = received { return received }
    return nil
  }
}
