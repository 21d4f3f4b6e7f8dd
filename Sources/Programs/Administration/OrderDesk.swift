import Configuration
import Control
import Glibc
import LinuxSystem
import MailTypes
import Master
import Primitives
import QueueFormat
import QueueStore
import ServiceKit
import SystemPackage

/// Where orders about messages are given.
protocol OrderDesk {
  /// Gives an order about messages by name.
  mutating func give(
    _ order: QueueOrder, _ ids: [QueueID]
  ) throws(ControlFailure) -> [OrderOutcome]
  /// Gives an order about all messages of some queues, and shows what is done of it.
  mutating func giveAll(
    _ order: QueueOrder, _ queues: Set<QueueListEntry.State>, _ show: ([OrderOutcome]) -> Void
  ) throws(ControlFailure)
  /// Has it logged that an order was given about so many messages.
  mutating func conclude(_ order: QueueOrder, _ count: UInt64) throws(ControlFailure)
  /// Nothing more is ordered.
  mutating func close() throws(ControlFailure)
}

/// The queue manager that runs.
struct RunningDesk: OrderDesk {
  private let client: ControlClient

  /// Reaches the queue manager; `nil` when none runs.
  static func open(_ configuration: Configuration) throws(ControlFailure) -> RunningDesk? {
    let client: ControlClient
    do throws(ControlFailure) {
      client = try ControlClient(path: controlPath(configuration))
    } catch {
      return nil
    }
    do throws(ControlFailure) {
      try client.ask(.status) { _ in }
    } catch {
      if error.description == ControlService.noQueueManager { return nil }
      throw error
    }
    return RunningDesk(client: client)
  }

  mutating func give(
    _ order: QueueOrder, _ ids: [QueueID]
  ) throws(ControlFailure) -> [OrderOutcome] {
    var outcomes: [OrderOutcome] = []
    try ask(.order(order, ids)) { outcomes += $0 }
    guard outcomes.count == ids.count else {
      throw ControlFailure(description: "the mail system is busy with other orders: try again")
    }
    return outcomes
  }

  mutating func giveAll(
    _ order: QueueOrder, _ queues: Set<QueueListEntry.State>, _ show: ([OrderOutcome]) -> Void
  ) throws(ControlFailure) {
    var isAnswered = false
    try ask(.orderAll(order, queues)) {
      isAnswered = true
      show($0)
    }
    guard isAnswered else {
      throw ControlFailure(description: "the mail system is busy with other orders: try again")
    }
  }

  private func ask(
    _ command: QueueCommand, _ show: ([OrderOutcome]) -> Void
  ) throws(ControlFailure) {
    try client.ask(command) { (part) throws(ControlFailure) in
      guard let answer = try? OrderAnswerPart(decoding: part) else {
        throw ControlFailure(description: "the mail system's answer cannot be read")
      }
      guard answer.isDurable else {
        throw ControlFailure(
          description: "the disk does not take the order: a crash may undo it")
      }
      show(answer.outcomes)
    }
  }

  mutating func conclude(_ order: QueueOrder, _ count: UInt64) throws(ControlFailure) {
    try client.ask(.conclude(order, count: count)) { _ in }
  }

  mutating func close() {}
}

/// The spool while no queue manager runs: its lock is held until the command ends.
struct RestingDesk: OrderDesk {
  private let disk: LinuxDisk
  private let lock: SharedDescriptor
  private let log: CommandLog

  /// Takes the queue manager's lock; `nil` when another one has it. The superuser becomes the mail
  /// owner before anything is touched.
  static func open(_ configuration: Configuration) throws(ControlFailure) -> RestingDesk? {
    let root = configuration[.queueDirectory]
    do {
      let log = try CommandLog(configuration)
      let lock = SharedDescriptor(try Files.open(root + "/segments", [.read, .directory]))
      guard try Files.tryLock(lock.raw) else { return nil }
      if let owner = try MasterProcess.mailOwner(configuration) { try Identity.become(owner) }
      return RestingDesk(disk: try LinuxDisk(path: root), lock: lock, log: log)
    } catch {
      throw ControlFailure(description: "cannot use the spool in \(root): \(error)")
    }
  }

  mutating func give(
    _ order: QueueOrder, _ ids: [QueueID]
  ) throws(ControlFailure) -> [OrderOutcome] {
    let wanted = Set(ids)
    let done = Set(try write(order) { wanted.contains($0.lead.id) })
    for id in ids where done.contains(id) { log.add("\(id): \(order.past)") }
    return ids.map { OrderOutcome(id: $0, isDone: done.contains($0), inFlight: 0) }
  }

  mutating func giveAll(
    _ order: QueueOrder, _ queues: Set<QueueListEntry.State>, _ show: ([OrderOutcome]) -> Void
  ) throws(ControlFailure) {
    let done = try write(order) { queues.contains($0.queue) }
    show(done.map { OrderOutcome(id: $0, isDone: true, inFlight: 0) })
  }

  private func write(
    _ order: QueueOrder, _ isMeant: (InspectedMessage) -> Bool
  ) throws(ControlFailure) -> [QueueID] {
    do throws(SpoolError) {
      return try SpoolOrders(disk).give(now: Clocks.wallNow()) { message in
        isMeant(message) ? message.event(order) : nil
      }
    } catch {
      throw ControlFailure(description: "cannot write the order to the spool: \(error)")
    }
  }

  mutating func conclude(_ order: QueueOrder, _ count: UInt64) { log.add(order.summary(count)) }

  mutating func close() { log.write() }
}

extension InspectedMessage {
  /// The queue in which Postfix would keep it while nothing runs.
  fileprivate var queue: QueueListEntry.State {
    state == .held ? .hold : history.attempts > 0 ? .deferred : .incoming
  }

  /// The journal's word for an order; `nil` when it is so already.
  fileprivate func event(_ order: QueueOrder) -> JournalEvent? {
    switch order {
    case .hold: isHeld ? nil : .held(reason: Array("by order".utf8))
    case .release: isHeld ? .released : nil
    case .delete: .deleted
    case .expire: history.mustExpire ? nil : .expiryOrdered
    case .requeue: history.mustRequeue ? nil : .requeueOrdered
    }
  }
}
