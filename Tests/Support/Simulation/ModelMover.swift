import MailTypes
import Primitives
import QueueFormat
import QueueStore
import TestSupport

/// Relocation as the queue manager does it, over the real rules for copies (R17).
final class ModelMover {
  private struct Move {
    let origin: ModelQueue.Segment
    let target: ModelQueue.Segment
    let place: RecordPlace
    let item: ModelQueue.Item
  }

  private unowned let queue: ModelQueue
  private unowned let world: SpoolSimulation
  /// Moves whose *relocated* has been given to the journal and is not flushed: until it is nobody
  /// knows which of the two is mail, so neither is sent.
  private var moves: [Move] = []
  /// Copies that did not come alive; their origins stay until that is flushed.
  private var abandoned: [(origin: ModelQueue.Segment, target: ModelQueue.Segment)] = []

  init(queue: ModelQueue, world: SpoolSimulation) {
    self.queue = queue
    self.world = world
  }

  var isIdle: Bool { moves.isEmpty }

  /// Whether a segment has to stay for a copy's sake.
  func needs(_ segment: ModelQueue.Segment) -> Bool {
    moves.contains { $0.origin === segment || $0.target === segment }
      || abandoned.contains { $0.origin === segment }
  }

  /// Moves some message that is not in flight.
  func move() {
    let candidates = queue.ready.filter { segment, offset in
      segment.isSealed && !world.isInHand(segment.name.nonce, offset)
    }
    guard !candidates.isEmpty else { return }
    let (origin, offset) = candidates[world.random.below(candidates.count)]
    guard let item = origin.items[offset] else { return }
    let from = RecordPlace(nonce: origin.name.nonce, offset: offset)
    do throws(SpoolError) {
      let record = try SegmentReader.record(
        on: queue.disk, file: origin.file, place: from, id: item.id)
      let copy = try Relocation.copy(of: record, file: origin.file, on: queue.disk)
      let known = try origin.journal.contents()
      guard let place = queue.own?.submitCopy(copy),
        let target = queue.segments.first(where: { $0.name.nonce == place.nonce })
      else { return }
      target.journal.append(
        Relocation.entries(for: place, of: item.id, origin: from, in: known))
      guard queue.flush(target) else { return abandon(origin, target, place, item) }
      origin.journal.append([
        Relocation.entry(movingTo: place, id: item.id, origin: from, now: world.now)
      ])
      origin.items[offset]?.isDone = true
      moves.append(Move(origin: origin, target: target, place: place, item: item))
      _ = queue.flush(origin)
    } catch {
      if queue.disk.isRunning { world.ledger.violation("\(item.id) cannot be moved: \(error)") }
    }
  }

  private func abandon(
    _ origin: ModelQueue.Segment, _ target: ModelQueue.Segment, _ place: RecordPlace,
    _ item: ModelQueue.Item
  ) {
    target.journal.append([
      JournalEntry(.done, id: item.id, offset: place.offset, time: world.now)
    ])
    abandoned.append((origin, target))
  }

  /// A journal has been flushed: what waited for it goes on.
  func flushed(_ segment: ModelQueue.Segment) {
    abandoned.removeAll { $0.target === segment }
    for move in moves where move.origin === segment {
      move.target.items[move.place.offset] = move.item
    }
    moves.removeAll { $0.origin === segment }
  }
}
