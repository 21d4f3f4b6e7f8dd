import QueueScheduler
import Reactor
import ServiceKit

/// What administrators ask for through `control`.
@ReactorActor
final class Commands {
  /// Lists that may be under way at once.
  private static let listingsMax = 64

  private let queue: MailQueue
  private let channel: MessageChannel
  private var listings: [UInt32: Listing] = [:]

  init(_ queue: MailQueue, _ channel: MessageChannel) {
    self.queue = queue
    self.channel = channel
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
    case .cancel: listings[number] = nil
    case .flush:
      queue.scheduler.flushAll()
      queue.plan()
      answer(number)
    case .retry(let id):
      var isKnown = true
      if case .unknown = queue.scheduler.flush(id) { isKnown = false }
      queue.plan()
      answer(number, [isKnown ? 1 : 0])
    }
  }

  private func tellNext(_ number: UInt32) {
    guard let listing = listings[number] else { return answer(number) }
    reactorTask {
      let (part, isLast) = await listing.next()
      guard self.listings[number] === listing else { return }
      if isLast { self.listings[number] = nil }
      self.answer(number, part, isLast: isLast)
    }
  }

  private func answer(_ number: UInt32, _ part: [UInt8] = [], isLast: Bool = true) {
    channel.post(.queueAnswer(id: number, part: part, last: isLast))
  }
}
