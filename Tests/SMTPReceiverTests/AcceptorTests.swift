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
    let room = SessionRoom(limit: 10) { began, _ in changes.append(began ? "begins" : "ends") }
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

  /// A board of two processes that seem to rest; the first does not turn by itself.
  @ReactorActor private func board() throws -> (
    first: LoadBoard, second: LoadBoard, words: SharedWords
  ) {
    let memory = try LoadBoard.make(processes: 2, services: 1)
    let first = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 0)
    let second = try LoadBoard(memory.raw, processes: 2, services: 1, rank: 1)
    let words = try SharedWords(memory.raw)
    for row in [0, words.count / 2] { words[row + ReactorLoad.restingWord] = 1 }
    return (first, second, words)
  }

  @Test @ReactorActor func aProcessInReserveTakesWhatTheFirstHasNoRoomFor() async throws {
    let boards = try board()
    let (fixture, other) = (try Fixture(), try Fixture())
    let room = SessionRoom(limit: 3, board: (boards.first, 0))
    let spare = SessionRoom(limit: 3, board: (boards.second, 0))
    let socket = try Sockets.listenTCP(IPAddress("127.0.0.1")!, port: 0, backlog: 10)
    let port = try #require(try Sockets.localAddress(socket.raw).port)
    let listeners = [SharedDescriptor(socket)]
    let first = try Acceptor(
      try listeners[0].duplicate(), room: room, log: fixture.intake.log
    ) {
      boards.words.add(2, at: ReactorLoad.turnWord)
      fixture.sessions.begin($0, from: $1, rules: fixture.rules, room: room)
    }
    let second = try Acceptor(
      try listeners[0].duplicate(), room: spare, log: fixture.intake.log,
      reserve: Reserve(
        boards.second, service: 0, rule: ReserveRule(base: 1, rank: 1, load: 95),
        times: .init(delay: .milliseconds(5), call: .milliseconds(5)))
    ) { other.sessions.begin($0, from: $1, rules: other.rules, room: spare) }
    let running = [first, second].map { one in reactorTask { await one.run() } }
    var clients: [TestClient] = []
    for _ in 0..<3 {
      clients.append(try await connect(port))
      _ = try await clients[clients.count - 1].replies(1)
    }
    #expect(room.count == 3 && spare.count == 0)
    clients.append(try await connect(port))
    _ = try await clients[3].replies(1)
    #expect(room.count == 3 && spare.count == 1)
    first.close()
    second.close()
    for task in running { await task.value }
  }

  @Test @ReactorActor func aProcessInReserveTakesWhatTheFirstLetsWait() async throws {
    let boards = try board()
    let fixture = try Fixture()
    boards.first.show(.init(count: 0, limit: 10), of: 0)
    let spare = SessionRoom(limit: 3, board: (boards.second, 0))
    let socket = try Sockets.listenTCP(IPAddress("127.0.0.1")!, port: 0, backlog: 10)
    let port = try #require(try Sockets.localAddress(socket.raw).port)
    let acceptor = try Acceptor(
      socket, room: spare, log: fixture.intake.log,
      reserve: Reserve(
        boards.second, service: 0, rule: ReserveRule(base: 1, rank: 1, load: 95),
        times: .init(delay: .milliseconds(5), call: .milliseconds(5)))
    ) { fixture.sessions.begin($0, from: $1, rules: fixture.rules, room: spare) }
    let running = reactorTask { await acceptor.run() }
    for _ in 0..<3 {
      let client = try await connect(port)
      #expect(try await client.replies(1) == ["220 mx.example.org ESMTP Martinet"])
      #expect(try await client.ask("QUIT") == "221 2.0.0 Bye")
    }
    acceptor.close()
    await running.value
  }

  @Test @ReactorActor func stressIsThatOfAllProcessesTogether() throws {
    let boards = try board()
    var changes: [String] = []
    let room = SessionRoom(limit: 5, board: (boards.first, 0)) { began, limit in
      changes.append("\(began ? "begins" : "ends") of \(limit)")
    }
    boards.second.show(.init(count: 3, limit: 5), of: 0)
    for _ in 0..<5 { room.enter() }
    #expect(changes.isEmpty)
    room.leave()
    boards.second.show(.init(count: 4, limit: 5), of: 0)
    room.enter()
    #expect(changes == ["begins of 10"])
    boards.second.show(.init(count: 1, limit: 5), of: 0)
    room.settle()
    #expect(changes == ["begins of 10", "ends of 10"])
    // It also begins for who comes in where there was no other.
    boards.second.show(.init(count: 5, limit: 5), of: 0)
    room.settle()
    #expect(room.isStressed)
  }

  @Test @ReactorActor func aRoomThatIsClosedShowsNoPlace() throws {
    let boards = try board()
    let room = SessionRoom(limit: 5, board: (boards.first, 0))
    room.enter()
    #expect(boards.second.sessions(of: 0, process: 0).hasRoom)
    room.close()
    #expect(!boards.second.sessions(of: 0, process: 0).hasRoom)
    room.leave()
    #expect(boards.second.sessions(of: 0, process: 0) == .init(count: 0, limit: 5, isOpen: false))
  }

  @Test @ReactorActor func aShortageOfDescriptorsIsNoStress() async throws {
    let boards = try board()
    let fixture = try Fixture()
    var changes = 0
    let room = SessionRoom(limit: 100, board: (boards.first, 0)) { _, _ in changes += 1 }
    for _ in 0..<10 { room.enter() }
    room.noteShortage(.tooManyOpenFiles, log: fixture.intake.log)
    #expect(!boards.second.sessions(of: 0, process: 0).hasRoom)
    room.leave()
    room.noteEndOfShortage()
    room.settle()
    #expect(changes == 0)
    #expect(boards.second.sessions(of: 0, process: 0).hasRoom)
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
