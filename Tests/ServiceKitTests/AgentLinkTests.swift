import LinuxSystem
import MailTypes
import Primitives
import Reactor
import Streams
import TestSupport
import Testing

@testable import ServiceKit

@Suite(.timeLimit(.minutes(1))) struct AgentLinkTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aGreetingOfAnySizeComesInPacketsThatFit() async throws {
    let scene = try Scene()
    let first = try scene.attach()
    for id: UInt64 in 1...3000 { first.post(.deliver(Scene.request(id))) }
    first.flush()
    while scene.agent.requests.count < 3000 { await Reactor.shared.yieldTurn() }
    for request in scene.agent.requests[..<1000] {
      scene.link.finish(request, connectionFailed: false, verdicts: [Scene.verdict(textSize: 1000)])
    }
    let second = try scene.attach()
    var inHand: Set<UInt64> = []
    var results: Set<UInt64> = []
    var isGreeted = false
    while !isGreeted {
      let delivery = try #require(try await second.receive(deadline: Scene.soon))
      for message in delivery.messages {
        switch message {
        case .agentHolds(let references, let ended):
          inHand.formUnion(references.map(\.id))
          results.formUnion(ended.map(\.id))
        case .agentHello(let references, let ended, let capacity):
          inHand.formUnion(references.map(\.id))
          results.formUnion(ended.map(\.id))
          #expect(capacity == 5000)
          isGreeted = true
        default: Issue.record("unexpected \(message)")
        }
      }
    }
    #expect(results == Set(1...1000))
    #expect(inHand == Set(1001...3000))
  }

  @Test @ReactorActor func aProcessThatLeavesWaitsUntilItsResultsAreWrittenDown() async throws {
    let scene = try Scene()
    let queue = try scene.attach()
    queue.post(.deliver(Scene.request(1)))
    while scene.agent.requests.isEmpty { await Reactor.shared.yieldTurn() }
    scene.link.beginDrain()
    var hasLeft = false
    let leaving = reactorTask {
      await scene.link.finishDrain(deadline: Scene.soon)
      hasLeft = true
    }
    scene.link.finish(
      scene.agent.requests[0], connectionFailed: false, verdicts: [Scene.verdict(textSize: 5)])
    for _ in 0..<10 { await Reactor.shared.yieldTurn() }
    #expect(!hasLeft)
    queue.post(.acknowledge([1]))
    await leaving.value
    #expect(hasLeft)
  }

  @Test @ReactorActor func aProcessThatLeavesDoesNotWaitForAQueueManagerThatIsGone() async throws {
    let scene = try Scene()
    let queue = try scene.attach()
    queue.post(.deliver(Scene.request(1)))
    while scene.agent.requests.isEmpty { await Reactor.shared.yieldTurn() }
    scene.link.finish(scene.agent.requests[0], connectionFailed: false, verdicts: [])
    let begin = Clocks.monotonicNow()
    let leaving = reactorTask { await scene.link.finishDrain(deadline: Scene.soon) }
    await Reactor.shared.yieldTurn()
    queue.close()
    await leaving.value
    #expect(Clocks.monotonicNow().since(begin) < .seconds(4))
  }

  @Test @ReactorActor func resultsThatNobodyHasConfirmedOutliveTheProcess() async throws {
    let scene = try Scene()
    let queue = try scene.attach()
    for id: UInt64 in 1...3 { queue.post(.deliver(Scene.request(id))) }
    while scene.agent.requests.count < 3 { await Reactor.shared.yieldTurn() }
    scene.finish(0)
    #expect(try await scene.left() == [])
    // The queue manager dies: what it has not confirmed is written down, and what ends later too.
    queue.close()
    while try await scene.left() != [1] { await Reactor.shared.yieldTurn() }
    scene.finish(1)
    #expect(try await scene.left() == [1, 2])
    // A new one is told, and confirms.
    let next = try scene.attach()
    next.post(.acknowledge([1, 2]))
    while try await scene.left() != [] { await Reactor.shared.yieldTurn() }
    // It does not confirm the last one while the process leaves.
    scene.finish(2)
    next.flush()
    #expect(try await scene.left() == [])
    let leaving = reactorTask { await scene.link.finishDrain(deadline: Clocks.monotonicNow()) }
    await leaving.value
    #expect(try await scene.left() == [3])
  }

  /// Both may die together once `qmgr` knows of it.
  @Test @ReactorActor func whereAllIsKeptAResultIsWrittenBeforeItIsTold() async throws {
    let scene = try Scene(keepsAll: true)
    let queue = try scene.attach()
    queue.post(.deliver(Scene.request(1)))
    queue.post(.deliver(Scene.request(2)))
    while scene.agent.requests.count < 2 { await Reactor.shared.yieldTurn() }
    scene.finish(0)
    var told: [UInt64] = []
    while told.isEmpty {
      let delivery = try #require(try await queue.receive(deadline: Scene.soon))
      for case .result(let result) in delivery.messages { told.append(result.id) }
    }
    #expect(told == [1])
    #expect(try scene.leftNow() == [1])
    // What is known of a part is kept until all of it is.
    scene.link.note(scene.agent.requests[1], verdicts: [Scene.verdict(textSize: 9)])
    #expect(try await scene.left() == [1, 2])
    scene.finish(1)
    queue.post(.acknowledge([1]))
    while try await scene.left() != [2] { await Reactor.shared.yieldTurn() }
    queue.post(.acknowledge([2]))
    while try await scene.left() != [] { await Reactor.shared.yieldTurn() }
    // What was not attempted need not be known.
    queue.post(.deliver(Scene.request(3)))
    while scene.agent.requests.count < 3 { await Reactor.shared.yieldTurn() }
    scene.link.giveBack(scene.agent.requests[2])
    #expect(try await scene.left() == [])
  }

  @Test func textsOfManyRecipientsAreCutToFitAPacket() {
    let result = DeliveryResult(
      answering: Scene.request(1), connectionFailed: false,
      verdicts: (0..<500).map { _ in Scene.verdict(textSize: 1024) })
    var packet = WireEncoder()
    InternalMessage.result(result).encode(into: &packet)
    #expect(packet.bytes.count < MessageChannel.packetLengthMax)
    #expect(result.verdicts.allSatisfy { !$0.text.isEmpty })
  }
}

@ReactorActor
private final class Scene {
  nonisolated static var soon: MonotonicTime { Clocks.monotonicNow() + .seconds(30) }

  final class Agent: DeliveryAgent {
    var requests: [DeliveryRequest] = []
    func deliver(_ request: DeliveryRequest, segment: SharedDescriptor?) {
      requests.append(request)
    }
  }

  let agent = Agent()
  let link: AgentLink
  private let file: ResultsFile
  private let folder: TemporaryDirectory

  init(keepsAll: Bool = false) throws {
    folder = try TemporaryDirectory()
    let log = Log(
      try Files.open(folder.path("log"), [.write, .create, .append]), kind: .lines,
      capacity: 1 << 16, hostName: "mx", syslogName: "postfix", facility: 2)
    link = AgentLink(
      agent: agent, capacity: 5000, log: log, tag: "smtp", keepsAll: keepsAll)
    file = ResultsFile(
      SharedDescriptor(try Files.open(folder.path("results"), [.read, .write, .create])), log: log,
      tag: "smtp")
    link.keepResults(in: file)
  }

  /// The next hop has accepted a message.
  func finish(_ place: Int) {
    link.finish(
      agent.requests[place], connectionFailed: false, verdicts: [Self.verdict(textSize: 5)])
  }

  /// What a queue manager would find when this process ended now.
  func left() async throws -> [UInt64] {
    await file.settle(deadline: Self.soon)
    return try leftNow()
  }

  /// The same without waiting for what is being written.
  func leftNow() throws -> [UInt64] {
    let bytes = try Files.readWhole(folder.path("results"), limit: 1 << 20)
    return try ResultsFileFormat.read(bytes).map(\.id).sorted()
  }

  /// A new channel; returns the queue manager's end of it.
  func attach() throws -> MessageChannel {
    var pair = try Sockets.packetPair()
    let own = MessageChannel(try PacketChannel(pair.takeFirst()))
    link.attach(MessageChannel(try PacketChannel(pair.takeSecond())))
    return own
  }

  nonisolated static func request(_ id: UInt64) -> DeliveryRequest {
    let time = WallTime(microseconds: 1)
    return DeliveryRequest(
      id: id, queueID: QueueID(microseconds: 1_700_000_000_000_000 + id, sequence: 1),
      nonce: Nonce(high: 1, low: 2), offset: 4096, transport: "smtp", nextHop: "[127.0.0.1]:25",
      sender: MailAddress("a@example.org"),
      recipients: [DeliveryRecipient(index: 0, address: MailAddress("b@example.net"))],
      arrival: time, activated: time, dispatched: time)
  }

  nonisolated static func verdict(textSize: Int) -> RecipientVerdict {
    RecipientVerdict(
      index: 0, outcome: .sent, status: EnhancedStatus(2, 0, 0),
      text: [UInt8](repeating: 65, count: textSize), relay: Array("[127.0.0.1]:25".utf8))
  }
}
