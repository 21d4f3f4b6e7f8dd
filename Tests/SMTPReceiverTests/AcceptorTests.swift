import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import Streams
import SystemPackage
import Testing

@testable import SMTPReceiver

@Suite struct AcceptorTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func sessionsOverTheLimitWaitForRoom() async throws {
    let fixture = try Fixture(sessionLimit: 2)
    let (acceptor, port) = try listen(fixture)
    let running = reactorTask { await acceptor.run() }
    var clients: [TestClient] = []
    for _ in 0..<3 { clients.append(try await connect(port)) }
    for client in clients[..<2] { _ = try await client.replies(1) }
    await pass(.milliseconds(30))
    #expect(fixture.room.count == 2)
    #expect(try await clients[0].ask("QUIT") == "221 2.0.0 Bye")
    #expect(try await clients[2].replies(1) == ["220 mx.example.org ESMTP Martinet"])
    acceptor.close()
    await running.value
    #expect(try fixture.logLines().first == "smtpd: connect from localhost[127.0.0.1]")
  }

  @Test @ReactorActor func stressBeginsAtNineTenthsAndEndsBelowSeven() {
    var changes: [String] = []
    let room = SessionRoom(limit: 10) { changes.append($0 ? "begins" : "ends") }
    for _ in 0..<8 { room.enter() }
    #expect(changes.isEmpty)
    room.enter()
    room.enter()
    #expect(changes == ["begins"])
    for _ in 0..<3 { room.leave() }
    #expect(room.isStressed)
    room.leave()
    #expect(changes == ["begins", "ends"])
    #expect(!room.isStressed)
  }

  @Test @ReactorActor func aListenerClosedInTheTurnOfAConnectionIsLeftAlone() async throws {
    let fixture = try Fixture()
    let (acceptor, port) = try listen(fixture)
    let running = reactorTask { await acceptor.run() }
    var pair = try Sockets.streamPair()
    let trigger = try ByteStream(pair.takeFirst())
    let alarm = try ByteStream(pair.takeSecond())
    let closing = reactorTask {
      do { try await alarm.readable() } catch { return }
      acceptor.close()
    }
    await Reactor.shared.yieldTurn()
    _ = try trigger.writeNow([1])
    let client = try Sockets.connectTCP(IPAddress("127.0.0.1")!, port: port)
    await closing.value
    await running.value
    #expect(fixture.room.count == 0)
    client.close()
  }

  @Test @ReactorActor func aShortageOfDescriptorsIsReportedOnce() async throws {
    let fixture = try Fixture()
    let room = SessionRoom(limit: 10)
    for _ in 0..<3 { room.noteShortage(.tooManyOpenFiles, log: fixture.intake.log) }
    room.noteDescriptors()
    room.noteShortage(.tooManyOpenFiles, log: fixture.intake.log)
    #expect(try fixture.logLines().filter { $0.contains("cannot accept") }.count == 2)
  }

  @Test @ReactorActor func waitingForASessionToEndIsBounded() async throws {
    let room = SessionRoom(limit: 10)
    let begin = Reactor.shared.now
    try await room.waitForEnd(atMost: .milliseconds(20))
    #expect(Reactor.shared.now.since(begin) >= .milliseconds(20))
    room.enter()
    let waiting = reactorTask {
      do { try await room.waitForEnd(atMost: .seconds(3600)) } catch { return }
    }
    await Reactor.shared.yieldTurn()
    room.leave()
    await waiting.value
  }

  @ReactorActor private func listen(_ fixture: Fixture) throws -> (Acceptor, UInt16) {
    let socket = try Sockets.listenTCP(IPAddress("127.0.0.1")!, port: 0, backlog: 10)
    let port = try #require(try Sockets.localAddress(socket.raw).port)
    let acceptor = try Acceptor(socket, room: fixture.room, log: fixture.intake.log) {
      fixture.sessions.begin($0, from: $1, rules: fixture.rules, room: fixture.room)
    }
    return (acceptor, port)
  }

  @ReactorActor private func connect(_ port: UInt16) async throws -> TestClient {
    TestClient(
      try await ByteStream.connect(
        to: IPAddress("127.0.0.1")!, port: port, deadline: Reactor.shared.now + .seconds(5)))
  }
}
