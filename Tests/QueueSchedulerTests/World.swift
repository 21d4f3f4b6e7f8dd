import MailTypes
import Primitives
import Testing

@testable import QueueScheduler

/// SplitMix64: the same seed gives the same run everywhere.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}

/// What a caller of the scheduler keeps, with the checks that every test wants.
struct World {
  struct Message {
    var open: [UInt32: String]
    var inFlight: Set<UInt32> = []
    var deaths = 0
  }

  struct InHand {
    var delivery: Delivery
    var isSuspect: Bool
  }

  var scheduler: QueueScheduler
  var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
  let agents: AgentGroupNumber
  let transport: TransportNumber
  var messages: [QueueID: Message] = [:]
  var loading: [MessageRef] = []
  var inHand: [InHand] = []
  var processes: [ProcessNumber: Int] = [:]
  /// Processes that take nothing more for now.
  var leaving: Set<ProcessNumber> = []
  var ended: [QueueID: RunEnd] = [:]
  var names: [MessageRef: QueueID] = [:]
  var delivered = 0
  var failed = 0
  var deliveries = 0
  private var nextID: UInt64 = 1

  init(
    settings: SchedulerSettings = SchedulerSettings(), limits: TransportLimits = TransportLimits(),
    processes count: Int = 1, credit: Int = 100
  ) {
    scheduler = QueueScheduler(settings: settings, now: now)
    agents = scheduler.makeAgentGroup()
    transport = scheduler.declareTransport(Array("smtp".utf8), limits: limits, agents: agents)
    for _ in 0..<count { addProcess(credit: credit) }
  }

  mutating func addProcess(credit: Int = 100) {
    let process = scheduler.addProcess(to: agents, credit: credit)
    #expect(processes[process] == nil)
    processes[process] = credit
  }

  /// Has a process run dry, or takes that back.
  mutating func setLeaving(_ isLeaving: Bool, _ process: ProcessNumber) {
    if isLeaving { leaving.insert(process) } else { leaving.remove(process) }
    scheduler.setCredit(isLeaving ? 0 : processes[process] ?? 0, of: process)
  }

  mutating func describe(_ recipients: [String], age: Duration = .zero, isNull: Bool = false)
    -> NewMessage
  {
    let id = QueueID(microseconds: nextID, sequence: 7)
    nextID += 1
    let open = recipients.enumerated().map { (UInt32($0.offset), $0.element) }
    messages[id] = Message(open: Dictionary(uniqueKeysWithValues: open))
    return NewMessage(
      id: id, place: MessagePlace(segment: 1, offset: nextID * 64),
      arrival: MonotonicTime(nanoseconds: now.nanoseconds - age.wholeNanoseconds),
      recipientsLeft: recipients.count, isFromNullSender: isNull)
  }

  mutating func routes(_ id: QueueID) -> [RoutedRecipient] {
    guard let message = messages[id] else { return [] }
    return message.open.sorted { $0.key < $1.key }.map {
      RoutedRecipient(index: $0.key, destination: destination($0.value))
    }
  }

  mutating func destination(_ name: String) -> DestinationNumber {
    scheduler.destination(transport: transport, nextHop: Array(name.utf8))
  }

  func name(_ destination: DestinationNumber) -> String {
    String(decoding: scheduler.nextHop(of: destination), as: UTF8.self)
  }

  @discardableResult
  mutating func add(_ recipients: String..., age: Duration = .zero) -> QueueID {
    add(recipients, age: age)
  }

  @discardableResult
  mutating func add(_ recipients: [String], age: Duration = .zero) -> QueueID {
    let message = describe(recipients, age: age)
    switch scheduler.add(message, routed: routes(message.id), now: now) {
    case .active(let ref), .waiting(let ref): names[ref] = message.id
    case .ended(let ref, let end):
      names[ref] = message.id
      settle(ref, end)
    case nil: Issue.record("a new id was taken for a known one")
    }
    return message.id
  }

  @discardableResult
  mutating func restore(
    _ recipients: [String], age: Duration = .zero, nextAttempt: MonotonicTime?,
    isHeld: Bool = false,
    orders: RestoredOrders = [], isDelayReported: Bool = false, isNull: Bool = false
  ) -> QueueID {
    let message = describe(recipients, age: age, isNull: isNull)
    let ref = scheduler.restore(
      message, nextAttempt: nextAttempt, isHeld: isHeld, orders: orders,
      isDelayReported: isDelayReported, now: now)
    if let ref { names[ref] = message.id }
    return message.id
  }

  func id(_ ref: MessageRef) -> QueueID {
    names[ref] ?? QueueID(microseconds: 0, sequence: 0)
  }

  /// Takes all orders there are; loads are answered at once unless `holdsLoads`.
  @discardableResult
  mutating func drain(holdsLoads: Bool = false, limit: Int = .max) -> [Delivery] {
    var given: [Delivery] = []
    while given.count < limit, let order = scheduler.nextOrder(now: now) {
      check(scheduler.active.inUse <= scheduler.settings.activeLimit)
      switch order {
      case .load(let ref):
        loading.append(ref)
        if !holdsLoads { answerLoad(loading.count - 1) }
      case .deliver(let delivery):
        take(delivery)
        given.append(delivery)
      case .ended(let run): settle(run.message, run.end)
      }
    }
    return given
  }

  mutating func answerLoad(_ at: Int) {
    let ref = loading.remove(at: at)
    let routes = routes(id(ref))
    if let end = scheduler.route(ref, routed: routes, now: now) { settle(ref, end) }
  }

  private mutating func take(_ delivery: Delivery) {
    deliveries += 1
    let credit = processes[delivery.process]
    #expect(credit != nil)
    check(!leaving.contains(delivery.process))
    let mates = inHand.filter { $0.delivery.process == delivery.process }
    check(mates.count < credit ?? 0)
    let (busy, limit) = scheduler.concurrency(of: delivery.destination)
    check(busy <= limit)
    let isSuspect = (messages[delivery.id]?.deaths ?? 0) > 0
    check(!mates.contains { $0.isSuspect })
    if isSuspect { check(mates.isEmpty) }
    for index in indices(delivery) {
      let destination = messages[delivery.id]?.open[index]
      check(destination == name(delivery.destination))
      let isNew = messages[delivery.id]?.inFlight.insert(index).inserted
      check(isNew == true)
    }
    inHand.append(InHand(delivery: delivery, isSuspect: isSuspect))
  }

  func indices(_ delivery: Delivery) -> [UInt32] {
    [delivery.recipients.first] + delivery.recipients.rest
  }

  enum Fate { case delivered, deferred, failed, returned, unreachable }

  /// Answers a delivery: every recipient has the same fate.
  @discardableResult
  mutating func answer(_ at: Int = 0, _ fate: Fate) -> ReportResult? {
    let delivery = inHand.remove(at: at).delivery
    let count = delivery.recipients.count
    for index in indices(delivery) {
      messages[delivery.id]?.inFlight.remove(index)
      if fate == .delivered || fate == .failed { messages[delivery.id]?.open[index] = nil }
    }
    var tally = DeliveryTally()
    switch fate {
    case .delivered: tally.delivered = count
    case .deferred, .unreachable: tally.deferred = count
    case .failed: tally.failed = count
    case .returned: tally.returned = count
    }
    if fate != .returned { messages[delivery.id]?.deaths = 0 }
    delivered += tally.delivered
    failed += tally.failed
    let result = scheduler.report(
      delivery.number, tally, connectionFailed: fate == .unreachable, now: now)
    #expect(result != nil)
    if let result, let end = result.end { settle(result.message, end) }
    return result
  }

  mutating func kill(_ process: ProcessNumber) {
    let lost = inHand.filter { $0.delivery.process == process }.map(\.delivery)
    inHand.removeAll { $0.delivery.process == process }
    for delivery in lost {
      for index in indices(delivery) { messages[delivery.id]?.inFlight.remove(index) }
    }
    let victims = Set(lost.map(\.id))
    for id in victims { messages[id]?.deaths += 1 }
    processes[process] = nil
    leaving.remove(process)
    for run in scheduler.removeProcess(process, now: now) { settle(run.message, run.end) }
  }

  mutating func settle(_ ref: MessageRef, _ end: RunEnd) {
    let id = id(ref)
    ended[id] = end
    check(messages[id]?.inFlight.isEmpty == true)
    switch end {
    case .finished:
      check(messages[id]?.open.isEmpty == true)
      forget(ref)
    case .deleted, .expired, .replacing: forget(ref)
    case .deferred(let until): check(until > now)
    case .held, .requeued: break
    }
  }

  private mutating func forget(_ ref: MessageRef) {
    scheduler.forget(ref)
    messages[id(ref)] = nil
    names[ref] = nil
  }

  /// Moves time to the scheduler's next wake; returns whether there is one.
  mutating func sleepUntilWake() -> Bool {
    guard let wake = scheduler.nextWake(now: now) else { return false }
    now = max(now, wake)
    return true
  }

  /// `#expect` costs too much for checks that are made millions of times.
  func check(
    _ condition: Bool, _ location: SourceLocation = #_sourceLocation
  ) {
    if !condition { Issue.record("an invariant is broken", sourceLocation: location) }
  }
}
