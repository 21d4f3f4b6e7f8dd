import Configuration
import LinuxSystem
import Primitives
import Reactor
import Streams
import TestSupport
import Testing

@testable import Control
@testable import ServiceKit

@Suite(.timeLimit(.minutes(1))) struct ControlServiceTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aClientThatSaysNothingDoesNotHoldTheProcess() async throws {
    let scene = try Scene()
    try await scene.service.start()
    let client = try scene.connect()
    try await client.write(ControlFrame.command(QueueCommand.list.encoded).encoded)
    // Refused, since there is no queue manager; from then on the session waits for a command.
    _ = try await client.read(deadline: Scene.soon) { $0.count }
    let begin = Clocks.monotonicNow()
    await scene.service.drain(deadline: Scene.soon)
    #expect(Clocks.monotonicNow().since(begin) < .seconds(2))
    #expect(try await client.read(deadline: Scene.soon) { $0.count } == nil)
  }

  @Test @ReactorActor func aQuestionToAQueueManagerThatIsReplacedIsRefusedAtOnce() async throws {
    let scene = try Scene()
    try await scene.service.start()
    let first = try scene.attach()
    let client = try scene.connect()
    try await client.write(ControlFrame.command(QueueCommand.list.encoded).encoded)
    _ = try #require(try await first.receive(deadline: Scene.soon))
    let second = try scene.attach()
    var reader = ControlFrameReader()
    let answer: ControlFrame? =
      try await client.read(deadline: Scene.soon) {
        reader.append($0)
        return try? reader.next()
      } ?? nil
    guard case .refused = answer else {
      Issue.record("expected a refusal, not \(String(describing: answer))")
      return
    }
    await scene.service.drain(deadline: Scene.soon)
    withExtendedLifetime(second) {}
  }

  @Test @ReactorActor func whatIsNoCommandEndsTheSession() async throws {
    let scene = try Scene()
    try await scene.service.start()
    let client = try scene.connect()
    try await client.write(ControlFrame.end.encoded + ControlFrame.end.encoded)
    #expect(try await client.read(deadline: Scene.soon) { $0.count } == nil)
    await scene.service.drain(deadline: Scene.soon)
  }

  @Test @ReactorActor func oneUserDoesNotTakeThePlacesOfAll() async throws {
    let scene = try Scene(trustsCaller: false)
    try await scene.service.start()
    var clients: [ByteStream] = []
    for _ in 0..<ControlService.sessionsOfOneUserMax {
      let client = try scene.connect()
      try await client.write(ControlFrame.command(QueueCommand.list.encoded).encoded)
      _ = try await client.read(deadline: Scene.soon) { $0.count }
      clients.append(client)
    }
    let refused = try scene.connect()
    #expect(try await refused.read(deadline: Scene.soon) { $0.count } == nil)
    // A place that is given up is there for the next.
    clients.removeFirst().close()
    while true {
      let next = try scene.connect()
      defer { next.close() }
      guard (try? await next.write(ControlFrame.command(QueueCommand.list.encoded).encoded)) != nil
      else { continue }
      if let count = try? await next.read(deadline: Scene.soon, { $0.count }), count > 0 { break }
    }
    await scene.service.drain(deadline: Scene.soon)
  }
}

@ReactorActor
private final class Scene {
  static var soon: MonotonicTime { Clocks.monotonicNow() + .seconds(20) }

  let service: ControlService
  private let folder: TemporaryDirectory

  init(trustsCaller: Bool = true) throws {
    folder = try TemporaryDirectory()
    let log = Log(
      try Files.open(folder.path("log"), [.write, .create, .append]), kind: .lines,
      capacity: 1 << 16, hostName: "mx", syslogName: "postfix", facility: 2)
    let configuration = Configuration.evaluate(
      MainFile(Array("myhostname = mx.test\n".utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    var pair = try Sockets.packetPair()
    let socket = try Sockets.listenUnix(folder.path("control"), mode: 0o600, backlog: 5)
    let listener = RoleContext.Listener(
      descriptor: SharedDescriptor(socket), service: "control", configuration: configuration)
    service = try ControlService(
      RoleContext(
        record: StartRecord(
          name: ProcessName(role: .control, index: 0), user: nil, logKind: .lines,
          configurationSize: 0),
        configuration: configuration, log: log,
        master: MessageChannel(try PacketChannel(pair.takeFirst())),
        page: LifePage(try SharedPage.make("test").page), listeners: [listener],
        transports: [:]),
      owner: trustsCaller ? Identity.uid : .max, superuser: trustsCaller ? 0 : .max,
      queuePatience: .zero)
  }

  func connect() throws -> ByteStream {
    try ByteStream(Sockets.connectUnix(folder.path("control")))
  }

  /// Gives the service a queue manager; returns the queue manager's end.
  func attach() throws -> MessageChannel {
    var pair = try Sockets.packetPair()
    let own = MessageChannel(try PacketChannel(pair.takeFirst()))
    service.attach(
      MessageChannel(try PacketChannel(pair.takeSecond())),
      to: ProcessName(role: .qmgr, index: 0), pid: 1)
    return own
  }
}
