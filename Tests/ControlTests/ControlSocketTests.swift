import Configuration
import LinuxSystem
import Primitives
import Reactor
import Streams
import SystemPackage
import TestSupport
import Testing

@testable import Control
@testable import ServiceKit

/// The `control` role behind a real socket, with the test as its queue manager.
@ReactorActor
private final class ControlFixture {
  struct Missing: Error {}

  let service: ControlService
  /// The other end of the channel to `master`.
  let master: MessageChannel
  private let folder: TemporaryDirectory
  private(set) var queue: MessageChannel?
  private var commands: [(id: UInt32, command: [UInt8])] = []

  init(hasQueue: Bool = true, queuePatience: Duration = .zero) async throws {
    folder = try TemporaryDirectory()
    let configuration = Configuration.evaluate(
      MainFile(Array("myhostname = mx.example.org\n".utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    let log = Log(
      try Files.open(folder.path("log"), [.write, .append, .create]), kind: .lines,
      capacity: 1 << 20, hostName: "mx", syslogName: "postfix", facility: 2)
    let socket = try Sockets.listenUnix(folder.path("control"), mode: 0o666, backlog: 10)
    let listener = RoleContext.Listener(
      descriptor: SharedDescriptor(socket), service: "control", configuration: configuration)
    var master = try Sockets.packetPair()
    let context = RoleContext(
      record: StartRecord(
        name: ProcessName(role: .control, index: 0), user: nil, logKind: .lines,
        configurationSize: 0),
      configuration: configuration, log: log,
      master: MessageChannel(try PacketChannel(master.takeFirst())),
      page: LifePage(try SharedPage.make("test").page), listeners: [listener],
      transports: [:])
    self.master = MessageChannel(try PacketChannel(master.takeSecond()))
    service = try ControlService(context, queuePatience: queuePatience)
    try await service.start()
    if hasQueue { try attach() }
  }

  func attach() throws {
    var pair = try Sockets.packetPair()
    service.attach(
      MessageChannel(try PacketChannel(pair.takeFirst())),
      to: ProcessName(role: .qmgr, index: 0), pid: 1)
    queue = MessageChannel(try PacketChannel(pair.takeSecond()))
    commands = []
  }

  func connect() throws -> ControlPeer {
    ControlPeer(try ByteStream(try Sockets.connectUnix(folder.path("control"))))
  }

  /// The next command that reaches the queue manager.
  func command() async throws -> (id: UInt32, command: QueueCommand) {
    while commands.isEmpty {
      guard let delivery = try await queue?.receive(deadline: Clocks.monotonicNow() + .seconds(10))
      else { throw Missing() }
      for case .queueCommand(let id, let bytes) in delivery.messages {
        commands.append((id, bytes))
      }
    }
    let first = commands.removeFirst()
    return (first.id, try QueueCommand(decoding: first.command))
  }

  func answer(_ id: UInt32, _ part: [UInt8], last: Bool) {
    queue?.post(.queueAnswer(id: id, part: part, last: last))
  }
}

@ReactorActor
private final class ControlPeer {
  let stream: ByteStream
  private var reader = ControlFrameReader()

  init(_ stream: ByteStream) { self.stream = stream }

  func send(_ bytes: [UInt8]) async throws { try await stream.write(bytes) }

  func ask(_ command: QueueCommand) async throws {
    try await send(ControlFrame.command(command.encoded).encoded)
  }

  /// The next frame; `nil` at the end.
  func frame() async throws -> ControlFrame? {
    while true {
      if let frame = try reader.next() { return frame }
      let deadline = Clocks.monotonicNow() + .seconds(10)
      guard try await stream.read(deadline: deadline, { reader.append($0) }) != nil else {
        return nil
      }
    }
  }
}

@Suite struct ControlSocketTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aListComesPartByPartAsTheClientTakesIt() async throws {
    let fixture = try await ControlFixture()
    let peer = try fixture.connect()
    try await peer.ask(.list)
    let question = try await fixture.command()
    #expect(question.command == .list)
    for part in 0..<5 {
      fixture.answer(question.id, [UInt8](repeating: UInt8(part), count: 50_000), last: false)
      let more = try await fixture.command()
      #expect(more.id == question.id)
      #expect(more.command == .more)
      #expect(try await peer.frame() == .part([UInt8](repeating: UInt8(part), count: 50_000)))
    }
    fixture.answer(question.id, [], last: true)
    #expect(try await peer.frame() == .end)
    // The same connection may ask again.
    try await peer.ask(.flush)
    let next = try await fixture.command()
    #expect(next.command == .flush)
    #expect(next.id != question.id)
    fixture.answer(next.id, [], last: true)
    #expect(try await peer.frame() == .end)
  }

  @Test @ReactorActor func answersGoToThoseWhoAsked() async throws {
    let fixture = try await ControlFixture()
    let peers = try (0..<5).map { _ in try fixture.connect() }
    var ids: [UInt32] = []
    for peer in peers {
      try await peer.ask(.list)
      ids.append(try await fixture.command().id)
    }
    #expect(Set(ids).count == 5)
    for (number, id) in ids.enumerated().reversed() {
      fixture.answer(id, [UInt8(number)], last: true)
    }
    for (number, peer) in peers.enumerated() {
      #expect(try await peer.frame() == .part([UInt8(number)]))
      #expect(try await peer.frame() == .end)
    }
  }

  @Test @ReactorActor func withoutAQueueManagerTheUserIsToldSo() async throws {
    let fixture = try await ControlFixture(hasQueue: false)
    let peer = try fixture.connect()
    try await peer.ask(.list)
    #expect(try await peer.frame() == .refused("the queue manager is not running"))
    try fixture.attach()
    try await peer.ask(.flush)
    let question = try await fixture.command()
    fixture.answer(question.id, [], last: true)
    #expect(try await peer.frame() == .end)
  }

  @Test @ReactorActor func aQueueManagerThatIsBeingStartedIsWaitedFor() async throws {
    let fixture = try await ControlFixture(hasQueue: false, queuePatience: .seconds(3600))
    let peer = try fixture.connect()
    try await peer.ask(.flush)
    try fixture.attach()
    let question = try await fixture.command()
    #expect(question.command == .flush)
    fixture.answer(question.id, [], last: true)
    #expect(try await peer.frame() == .end)
  }

  @Test(arguments: [false, true]) @ReactorActor
  func aQuestionEndsWithTheQueueManagerThatWasAsked(isReplaced: Bool) async throws {
    let fixture = try await ControlFixture()
    let peer = try fixture.connect()
    try await peer.ask(.list)
    _ = try await fixture.command()
    if isReplaced { try fixture.attach() } else { fixture.queue?.close() }
    guard case .refused(let text)? = try await peer.frame() else {
      Issue.record("the question must be refused")
      return
    }
    #expect(text.hasPrefix("no answer from the queue manager"))
  }

  @Test @ReactorActor func aCommandThatAQueueManagerDiedOverIsGivenToTheNext() async throws {
    let fixture = try await ControlFixture(queuePatience: .seconds(3600))
    let peer = try fixture.connect()
    try await peer.ask(.flush)
    _ = try await fixture.command()
    try fixture.attach()
    let again = try await fixture.command()
    #expect(again.command == .flush)
    fixture.answer(again.id, [], last: true)
    #expect(try await peer.frame() == .end)
  }

  @Test @ReactorActor func anUnknownCommandIsRefusedAndNotPassedOn() async throws {
    let fixture = try await ControlFixture()
    let peer = try fixture.connect()
    try await peer.send(ControlFrame.command([99]).encoded)
    #expect(try await peer.frame() == .refused("unknown command"))
    try await peer.ask(.flush)
    #expect(try await fixture.command().command == .flush)
  }

  @Test(arguments: [[0, 0, 0, 0], [255, 255, 255, 255], [1, 0, 0, 0, 77]] as [[UInt8]])
  @ReactorActor func whoDoesNotSpeakTheProtocolIsCutOff(bytes: [UInt8]) async throws {
    let fixture = try await ControlFixture()
    let peer = try fixture.connect()
    try await peer.send(bytes)
    #expect(try await peer.frame() == nil)
  }

  @Test @ReactorActor func aClientThatHasGoneCancelsItsList() async throws {
    let fixture = try await ControlFixture()
    let peer = try fixture.connect()
    try await peer.ask(.list)
    let question = try await fixture.command()
    peer.stream.close()
    for _ in 0..<5 {
      fixture.answer(question.id, [UInt8](repeating: 1, count: 50_000), last: false)
      let next = try await fixture.command()
      #expect(next.id == question.id)
      if next.command == .cancel { return }
      #expect(next.command == .more)
    }
    Issue.record("the list went on")
  }

  @Test @ReactorActor func drainEndsIdleClientsAndWaitsForAnswers() async throws {
    let fixture = try await ControlFixture()
    let idle = try fixture.connect()
    let busy = try fixture.connect()
    try await idle.ask(.flush)
    fixture.answer(try await fixture.command().id, [], last: true)
    #expect(try await idle.frame() == .end)
    try await busy.ask(.list)
    let question = try await fixture.command()
    let drain = Task { @ReactorActor in
      await fixture.service.drain(deadline: Clocks.monotonicNow() + .seconds(3600))
    }
    #expect(try await idle.frame() == nil)
    fixture.answer(question.id, [1], last: true)
    #expect(try await busy.frame() == .part([1]))
    #expect(try await busy.frame() == .end)
    #expect(try await busy.frame() == nil)
    await drain.value
  }

  @Test @ReactorActor func linesOfFollowedSessionsArePassedOnUntilTheClientGoes() async throws {
    let fixture = try await ControlFixture(hasQueue: false)
    let peer = try fixture.connect()
    let filter = try #require(TraceFilter("192.0.2.0/24"))
    try await peer.ask(.trace(filter))
    let deadline = Clocks.monotonicNow() + .seconds(10)
    let order = try #require(try await fixture.master.receive(deadline: deadline))
    #expect(order.messages == [.trace(filter)])
    let socket = try #require(order.descriptors.first)
    let writer = try PacketChannel(try socket.duplicate())
    for line in ["one", "two"] {
      try writer.send(Array(line.utf8))
      #expect(try await peer.frame() == .part(Array(line.utf8)))
    }
    peer.stream.close()
    // Its end reaches whoever writes.
    #expect(try await writer.receive(deadline: deadline) == nil)
    writer.close()
  }

  @Test @ReactorActor func whenNobodyWritesAnyMoreTheFollowerIsToldSo() async throws {
    let fixture = try await ControlFixture(hasQueue: false)
    let peer = try fixture.connect()
    try await peer.ask(.trace(try #require(TraceFilter("::1"))))
    let deadline = Clocks.monotonicNow() + .seconds(10)
    var order = try await fixture.master.receive(deadline: deadline)
    #expect(order?.descriptors.count == 1)
    order = nil
    #expect(try await peer.frame() == .end)
    #expect(try await peer.frame() == nil)
  }

  @Test @ReactorActor func onlyAFewMayFollowAtOnce() async throws {
    let fixture = try await ControlFixture(hasQueue: false)
    let filter = try #require(TraceFilter("::1"))
    var kept: [(ControlPeer, MessageChannel.Delivery)] = []
    for _ in 0..<8 {
      let peer = try fixture.connect()
      try await peer.ask(.trace(filter))
      let deadline = Clocks.monotonicNow() + .seconds(10)
      kept.append((peer, try #require(try await fixture.master.receive(deadline: deadline))))
    }
    let last = try fixture.connect()
    try await last.ask(.trace(filter))
    #expect(try await last.frame() == .refused("too many commands follow sessions already"))
    #expect(kept.count == 8)
  }
}
