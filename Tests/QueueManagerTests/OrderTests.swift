import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit
import TestSupport
import Testing

@testable import QueueManager

/// What an administrator orders, and that it holds whatever happens next.
@Suite(.timeLimit(.minutes(1))) struct OrderTests {
  init() { Reactor.startThread() }

  /// A queue of deferred mail with an agent and an administrator.
  @ReactorActor
  private final class Scene {
    var rig: Rig
    var agent: TestAgent
    var control: MessageChannel
    var writer: TestWriter

    init(
      aliases: String = "", routes: @escaping @Sendable (String) -> String? = { _ in nil }
    ) async throws {
      rig = try Rig(aliases: aliases, routes: routes)
      try await rig.peers.start()
      writer = try TestWriter(rig)
      agent = try TestAgent(rig, judge: Scene.deferAll)
      control = try rig.connect(.control)
      rig.peers.channelsComplete()
    }

    static func deferAll(_ request: DeliveryRequest) -> [RecipientVerdict] {
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 2, 0), "451 not now")
    }

    /// Another life of the queue manager on what the one before left, without a farewell.
    func restart(judge: @escaping TestAgent.Judge = TestAgent.deliverAll) async throws {
      try await leave()
      rig = try Rig(directory: rig.directory)
      try await rig.peers.start()
      agent = try TestAgent(rig, judge: judge)
      control = try rig.connect(.control)
      rig.peers.channelsComplete()
    }

    /// Ends the queue manager's life as far as that can be done within one process.
    func leave() async throws {
      await writer.spool.drain()
      rig.queue.isOpen = false
      rig.peers.lock = nil
    }

    func send(_ recipients: String...) async throws -> QueueID {
      try await writer.send(to: recipients)
    }

    func deferred(_ count: Int) async throws {
      try await eventually("\(count) wait") { self.rig.queue.scheduler.counts.deferred == count }
    }

    func order(_ order: QueueOrder, _ ids: QueueID...) async throws -> [OrderOutcome] {
      try await answer(.order(order, ids))
    }

    func answer(_ command: QueueCommand) async throws -> [OrderOutcome] {
      control.post(.queueCommand(id: 7, command: command.encoded))
      var outcomes: [OrderOutcome] = []
      while let delivery = try await control.receive(deadline: Reactor.shared.now + .seconds(10)) {
        for case .queueAnswer(7, let part, let isLast) in delivery.messages {
          let answer = try OrderAnswerPart(decoding: part)
          #expect(answer.isDurable)
          outcomes += answer.outcomes
          if isLast { return outcomes }
          control.post(.queueCommand(id: 7, command: QueueCommand.more.encoded))
        }
      }
      return outcomes
    }

    var counts: QueueCounts { rig.queue.scheduler.counts }
  }

  @Test @ReactorActor func heldMailStaysHeldAcrossADeath() async throws {
    let scene = try await Scene()
    let held = try await scene.send("b@example.net")
    let free = try await scene.send("c@example.net")
    try await scene.deferred(2)
    #expect(
      try await scene.order(.hold, held) == [OrderOutcome(id: held, isDone: true, inFlight: 0)])
    #expect(try await scene.order(.hold, held)[0].isDone == false)
    #expect(try scene.rig.log.contains { $0.hasSuffix("\(held): placed on hold") })
    try await scene.restart()
    try await eventually("both are known") {
      scene.counts.hold == 1 && scene.rig.queue.scheduler.messageCount == 2
    }
    scene.rig.queue.scheduler.flushAll()
    scene.rig.queue.plan()
    try await eventually("the free one goes") { scene.rig.queue.scheduler.messageCount == 1 }
    #expect(scene.agent.requests.map(\.queueID) == [free])
    #expect(try await scene.order(.release, held)[0].isDone)
    try await eventually("released mail goes") { scene.rig.queue.scheduler.messageCount == 0 }
  }

  @Test @ReactorActor func releasedMailIsNotHeldAgainByItsHistory() async throws {
    let scene = try await Scene()
    let id = try await scene.send("b@example.net")
    try await scene.deferred(1)
    _ = try await scene.order(.hold, id)
    #expect(try await scene.order(.release, id)[0].isDone)
    try await scene.restart()
    try await eventually("known") { scene.rig.queue.scheduler.messageCount == 1 }
    #expect(scene.counts.hold == 0)
  }

  @Test @ReactorActor func deletedMailStaysDeletedAndNobodyIsTold() async throws {
    let scene = try await Scene()
    let gone = try await scene.send("b@example.net")
    _ = try await scene.send("c@example.net")
    try await scene.deferred(2)
    #expect(try await scene.order(.delete, gone)[0].isDone)
    #expect(try await scene.order(.delete, gone)[0].isDone == false)
    let log = try scene.rig.log
    #expect(log.filter { $0.contains("\(gone): removed") }.count == 1)
    #expect(log.contains { $0.hasPrefix("postsuper[") && $0.hasSuffix("\(gone): removed") })
    #expect(!log.contains { $0.contains("non-delivery") })
    try await scene.restart()
    try await eventually("the other is known") { scene.rig.queue.scheduler.messageCount == 1 }
    #expect(scene.rig.queue.scheduler.find(gone) == nil)
  }

  @Test @ReactorActor func anOrderOnMailInFlightComesTrueWithItsResult() async throws {
    let scene = try await Scene()
    scene.agent.judge = { _ in nil }
    let held = try await scene.send("b@example.net")
    let deleted = try await scene.send("c@example.net")
    try await eventually("both are in flight") { scene.agent.requests.count == 2 }
    #expect(
      try await scene.order(.hold, held) == [OrderOutcome(id: held, isDone: true, inFlight: 1)])
    #expect(try await scene.order(.delete, deleted)[0].inFlight == 1)
    for request in scene.agent.requests {
      let isHeld = request.queueID == held
      scene.agent.answer(
        request,
        TestAgent.verdicts(
          on: request, isHeld ? .deferred : .bounced, EnhancedStatus(isHeld ? 4 : 5, 0, 0), "no"))
    }
    try await eventually("one is held, one is gone") {
      scene.counts.hold == 1 && scene.rig.queue.scheduler.messageCount == 1
    }
    try await eventually("both results are confirmed") { scene.agent.acknowledged.count == 2 }
    #expect(!(try scene.rig.log).contains { $0.contains("non-delivery") })
  }

  @Test @ReactorActor func releasingAllTakesBackHoldsThatHaveNotComeTrue() async throws {
    let scene = try await Scene()
    scene.agent.judge = { _ in nil }
    let id = try await scene.send("b@example.net")
    try await eventually("it is in flight") { scene.agent.requests.count == 1 }
    _ = try await scene.order(.hold, id)
    #expect(try await scene.answer(.orderAll(.hold, [.active, .deferred])).isEmpty)
    #expect(try await scene.answer(.orderAll(.release, [.hold])).map(\.id) == [id])
    let request = scene.agent.requests[0]
    scene.agent.answer(request, Scene.deferAll(request))
    try await scene.deferred(1)
    try await scene.restart()
    try await eventually("known") { scene.rig.queue.scheduler.messageCount == 1 }
    #expect(scene.counts.hold == 0)
  }

  @Test @ReactorActor func anOrderOnMailInFlightOutlivesTheQueueManager() async throws {
    let scene = try await Scene()
    scene.agent.judge = { _ in nil }
    let held = try await scene.send("b@example.net")
    let deleted = try await scene.send("c@example.net")
    let requeued = try await scene.send("d@example.net")
    try await eventually("all are in flight") { scene.agent.requests.count == 3 }
    _ = try await scene.order(.hold, held)
    _ = try await scene.order(.delete, deleted)
    #expect(try await scene.order(.requeue, requeued)[0].inFlight == 1)
    try await scene.restart()
    try await eventually("the requeued one goes under another name") {
      scene.agent.requests.contains { $0.recipients[0].address == MailAddress("d@example.net") }
    }
    #expect(!scene.agent.requests.contains { [held, deleted, requeued].contains($0.queueID) })
    try await eventually("only the held one is left") {
      scene.rig.queue.scheduler.messageCount == 1 && scene.counts.hold == 1
    }
    #expect(scene.rig.queue.scheduler.find(held) != nil)
  }

  @Test @ReactorActor func mailHeldInFlightIsHeldWhenItsAgentReportsToTheSuccessor() async throws {
    let scene = try await Scene()
    scene.agent.judge = { _ in nil }
    let held = try await scene.send("b@example.net")
    try await eventually("it is in flight") { scene.agent.requests.count == 1 }
    _ = try await scene.order(.hold, held)
    let request = scene.agent.requests[0]
    try await scene.leave()
    let rig = try Rig(directory: scene.rig.directory)
    try await rig.peers.start()
    let agent = try TestAgent(rig, inHand: [DeliveryReference(request)])
    rig.peers.channelsComplete()
    try await eventually("it is known as under way") { rig.queue.scheduler.counts.active == 1 }
    agent.answer(
      request, TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 0, 0), "451 no"))
    try await eventually("it is held") { rig.queue.scheduler.counts.hold == 1 }
  }

  @Test @ReactorActor func requeuedMailIsNewMailThatIsRoutedAnew() async throws {
    let scene = try await Scene()
    let old = try await scene.send("b@example.net", "c@example.net")
    try await scene.deferred(1)
    scene.agent.judge = TestAgent.deliverAll
    #expect(try await scene.order(.requeue, old)[0].isDone)
    try await eventually("its successor goes") { scene.rig.queue.scheduler.messageCount == 0 }
    let last = try #require(scene.agent.requests.last)
    #expect(last.queueID != old)
    #expect(Set(scene.agent.requests.suffix(2).flatMap(\.recipients).map(\.address)).count == 2)
    let log = try scene.rig.log
    #expect(log.contains { $0.hasSuffix("\(old): requeued") })
    #expect(log.contains { $0.hasPrefix("pickup[") && $0.hasSuffix(" orig_id=\(old)") })
    #expect(!log.contains { $0.hasSuffix("\(old): removed") })
    let spool = try SpoolInspection(try LinuxDisk(path: scene.rig.directory.path))
    var text: [UInt8] = []
    try spool.readContent(of: try spool.message(last.queueID), lineEnd: .lf) { text += $0 }
    let content = String(decoding: text, as: UTF8.self)
    #expect(content.hasPrefix("Received: by mx.test (Martinet, from userid "))
    #expect(content.contains(")\n\tid \(last.queueID); "))
    #expect(content.hasSuffix("\nSubject: test\n\nhello\n"))
  }

  @Test @ReactorActor func requeuedMailGoesWhereAliasesLeadNow() async throws {
    let scene = try await Scene(
      aliases: "inline:{{ b@example.net = d@example.net, e@example.net }}")
    let old = try await scene.send("b@example.net")
    try await scene.deferred(1)
    scene.agent.judge = TestAgent.deliverAll
    #expect(try await scene.order(.requeue, old)[0].isDone)
    try await eventually("its successor goes") { scene.rig.queue.scheduler.messageCount == 0 }
    let recipients = scene.agent.requests.filter { $0.queueID != old }.flatMap(\.recipients)
    #expect(recipients.map(\.address.description).sorted() == ["d@example.net", "e@example.net"])
    #expect(recipients.allSatisfy { $0.original == Array("b@example.net".utf8) })
  }

  @Test @ReactorActor func requeuedMailTakesAlongOnlyWhoHasNotGotIt() async throws {
    let scene = try await Scene()
    scene.agent.judge = { request in
      request.recipients.flatMap { recipient in
        let isFirst = recipient.address == MailAddress("b@example.net")
        let all = isFirst ? TestAgent.deliverAll(request) : Scene.deferAll(request)
        return all.filter { $0.index == recipient.index }
      }
    }
    let old = try await scene.send("b@example.net", "c@example.org")
    try await scene.deferred(1)
    let before = scene.agent.requests.count
    scene.agent.judge = TestAgent.deliverAll
    _ = try await scene.order(.requeue, old)
    try await eventually("its successor goes") { scene.rig.queue.scheduler.messageCount == 0 }
    let later = scene.agent.requests[before...].flatMap(\.recipients).map(\.address)
    #expect(later.filter { $0 == MailAddress("b@example.net") }.isEmpty)
    #expect(later.contains(MailAddress("c@example.org")))
  }

  @Test @ReactorActor func forcedExpiryHoldsAcrossADeath() async throws {
    let scene = try await Scene()
    let id = try await scene.send("b@example.net")
    try await scene.deferred(1)
    _ = try await scene.order(.hold, id)
    #expect(try await scene.order(.expire, id)[0].isDone)
    #expect(try await scene.order(.expire, id)[0].isDone == false)
    try await scene.restart()
    try await eventually("still held") { scene.counts.hold == 1 }
    #expect(
      scene.rig.queue.scheduler.find(id).flatMap {
        scene.rig.queue.scheduler.summary(of: $0)?.isToExpire
      } == true)
    _ = try await scene.order(.release, id)
    try await eventually("it is returned") {
      try scene.rig.log.contains {
        $0.hasSuffix("\(id): from=<a@example.org>, status=force-expired, returned to sender")
      }
    }
    try await eventually("its sender hears of it") {
      scene.agent.requests.contains { $0.sender == .null }
    }
  }

  @Test @ReactorActor func anOrderAboutAQueueMeansWhatIsThereNow() async throws {
    let scene = try await Scene()
    var ids: Set<QueueID> = []
    for number in 0..<700 { ids.insert(try await scene.send("b\(number)@example.net")) }
    try await scene.deferred(700)
    let held = ids.removeFirst()
    _ = try await scene.order(.hold, held)
    #expect(try await scene.answer(.orderAll(.release, [.deferred])).isEmpty)
    let requeued = try await scene.answer(.orderAll(.requeue, [.deferred]))
    #expect(Set(requeued.map(\.id)) == ids)
    #expect(requeued.count == 699)
    try await eventually("successors wait") {
      scene.counts.deferred == 699 && scene.rig.queue.scheduler.messageCount == 700
    }
    let all: Set<QueueListEntry.State> = [.incoming, .active, .deferred, .hold]
    #expect(try await scene.answer(.orderAll(.delete, all)).count == 700)
    try await eventually("nothing is left") { scene.rig.queue.scheduler.messageCount == 0 }
  }

  @Test @ReactorActor func deathsOfAgentsAreCountedAcrossARestart() async throws {
    let scene = try await Scene()
    scene.agent.judge = { _ in nil }
    let id = try await scene.send("b@example.net")
    for count in 1...2 {
      try await eventually("it is in flight") { !scene.agent.requests.isEmpty }
      scene.agent.channel.close()
      try await eventually("the death is noticed") { scene.counts.deferred == 1 }
      await scene.rig.queue.journals.write(deadline: Reactor.shared.now + .seconds(5))
      let history = try SpoolInspection(try LinuxDisk(path: scene.rig.directory.path)).message(id)
        .history
      #expect(history.deaths == UInt32(count))
      if count == 1 {
        // Nobody has put it off, so the next life tries it at once, alone.
        try await scene.restart { _ in nil }
      }
    }
  }
}
