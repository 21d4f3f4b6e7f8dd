import QueueScheduler
import Reactor
import ServiceKit

/// What administrators ask for through `control`.
@ReactorActor
final class Commands {
  /// Lists, and orders about whole queues, that may be under way at once.
  private static let listingsMax = 64

  private let queue: MailQueue
  private let channel: MessageChannel
  private var listings: [UInt32: Listing] = [:]
  private var orders: [UInt32: OrderRun] = [:]
  private let processes: @ReactorActor () -> [QueueStatus.Process]

  /// - Parameter processes: the processes that the queue manager knows.
  init(
    _ queue: MailQueue, _ channel: MessageChannel,
    processes: @escaping @ReactorActor () -> [QueueStatus.Process] = { [] }
  ) {
    self.queue = queue
    self.channel = channel
    self.processes = processes
  }

  /// Serves `control` until its channel ends.
  func serve() async {
    while let delivery = try? await channel.receive() {
      for message in delivery.messages {
        guard case .queueCommand(let id, let bytes) = message,
          let command = try? QueueCommand(decoding: bytes)
        else {
          queue.log.warning("qmgr", "unexpected message from control")
          continue
        }
        carryOut(command, number: id)
      }
    }
  }

  private func carryOut(_ command: QueueCommand, number: UInt32) {
    switch command {
    case .list:
      guard listings.count < Self.listingsMax else { return answer(number) }
      listings[number] = Listing(queue)
      tellNext(number)
    case .more: tellNext(number)
    case .cancel:
      listings[number] = nil
      orders[number] = nil
    case .flush:
      queue.scheduler.flushAll()
      queue.plan()
      answer(number)
    case .retry(let id):
      var isKnown = true
      if case .unknown = queue.scheduler.flush(id) { isKnown = false }
      queue.plan()
      answer(number, [isKnown ? 1 : 0])
    case .order(let order, let ids): begin(OrderRun(queue, order, ids: ids), number)
    case .orderAll(let order, let states): begin(OrderRun(queue, order, in: states), number)
    case .conclude(let order, let count):
      queue.log.information("postsuper", order.summary(count))
      answer(number)
    case .status: answer(number, status.encoded)
    // `control` answers it itself.
    case .trace: answer(number)
    }
  }

  private var status: QueueStatus {
    let counts = queue.scheduler.counts
    return QueueStatus(
      processes: processes(), incoming: UInt64(counts.incoming), active: UInt64(counts.active),
      deferred: UInt64(counts.deferred), hold: UInt64(counts.hold))
  }

  private func begin(_ run: OrderRun, _ number: UInt32) {
    guard orders.count < Self.listingsMax else { return answer(number) }
    orders[number] = run
    tellNext(number)
  }

  private func tellNext(_ number: UInt32) {
    if let run = orders[number] { return tellNext(of: run, number) }
    guard let listing = listings[number] else { return answer(number) }
    reactorTask {
      let (part, isLast) = await listing.next()
      guard self.listings[number] === listing else { return }
      if isLast { self.listings[number] = nil }
      self.answer(number, part, isLast: isLast)
    }
  }

  private func tellNext(of run: OrderRun, _ number: UInt32) {
    reactorTask {
      let (part, isLast) = await run.next()
      guard self.orders[number] === run else { return }
      if isLast { self.orders[number] = nil }
      self.answer(number, part.encoded, isLast: isLast)
    }
  }

  private func answer(_ number: UInt32, _ part: [UInt8] = [], isLast: Bool = true) {
    channel.post(.queueAnswer(id: number, part: part, last: isLast))
  }
}
