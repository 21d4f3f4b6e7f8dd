import MailTypes
import Primitives
import QueueFormat
import QueueStore
import TestSupport

/// Flushes of journals, and orders of the administrator.
extension ModelQueue {
  func flush(_ segment: Segment) -> Bool {
    do throws(SpoolError) {
      try segment.journal.flush(now: world.now)
      for (id, recipient) in segment.unflushed {
        world.ledger.arrivalFlushed(id, recipient: recipient)
      }
      segment.unflushed = []
      mover.flushed(segment)
      return true
    } catch {
      return false
    }
  }

  /// What happens each second (R9).
  func sync() {
    guard disk.isRunning else { return }
    for segment in segments where segment.journal.hasUnflushed { _ = flush(segment) }
    world.inHand.removeAll { result in
      segments.contains { $0.name.nonce == result.nonce && !$0.journal.hasUnflushed }
    }
  }

  /// An order of the administrator on some message, answered after the flush (R9).
  func order(_ kind: Int) {
    guard disk.isRunning, isStarted else { return }
    let candidates = kind == 1 ? heldItems : ready
    guard !candidates.isEmpty else { return }
    let (segment, offset) = candidates[world.random.below(candidates.count)]
    guard let item = segment.items[offset] else { return }
    switch kind {
    case 0: hold(segment, offset, item)
    case 1: release(segment, offset, item)
    case 2: end(segment, offset, item, .deleted)
    default:
      guard item.ended.isEmpty, let new = own?.submitOwn() else { return }
      end(segment, offset, item, .requeued(as: new))
    }
  }

  var heldItems: [(Segment, UInt64)] {
    segments.flatMap { segment in
      segment.items.filter { $0.value.isHeld && !$0.value.isDone }.keys.sorted().map {
        (segment, $0)
      }
    }
  }

  func journal(
    _ event: JournalEvent, _ segment: Segment, _ offset: UInt64, _ item: Item
  ) -> Bool {
    segment.journal.append([
      JournalEntry(event, id: item.id, offset: offset, time: world.now)
    ])
    return flush(segment)
  }

  func hold(_ segment: Segment, _ offset: UInt64, _ item: Item) {
    segment.items[offset]?.isHeld = true
    let isDurable = journal(.held(reason: []), segment, offset, item)
    if isDurable { world.ledger.update(item.id) { $0.isHeld = true } }
  }

  func release(_ segment: Segment, _ offset: UInt64, _ item: Item) {
    world.ledger.update(item.id) { $0.isHeld = false }
    segment.items[offset]?.isHeld = false
    _ = journal(.released, segment, offset, item)
  }

  func end(
    _ segment: Segment, _ offset: UInt64, _ item: Item, _ event: JournalEvent
  ) {
    world.ledger.update(item.id) { $0.mayBeEnded = true }
    segment.items[offset]?.isDone = true
    if journal(event, segment, offset, item) {
      world.ledger.update(item.id) { $0.isEnded = true }
    }
  }

  /// Releases everything, at the end of a run.
  func releaseAll() {
    for (segment, offset) in heldItems {
      if let item = segment.items[offset] { release(segment, offset, item) }
    }
  }

  /// Removes segments in which nothing is left to do.
  func removeDone() {
    guard disk.isRunning, isStarted else { return }
    // A segment that has not been recovered may hold a copy that is none as long as its origin
    // can be asked (R17).
    guard own?.hasUnmarked != true, unrecovered.isEmpty else { return }
    for segment in segments where segment.isSealed && !mover.needs(segment) {
      guard segment.items.values.allSatisfy(\.isDone) else { continue }
      do throws(SpoolError) {
        try SpoolScan.remove(segment.name, on: disk)
        segments.removeAll { $0 === segment }
        segment.journal.close()
        disk.close(segment.file)
      } catch {
        // Tried again later; the files mean the same until then.
      }
    }
  }

  /// What is queued, for comparing two recoveries.
  var contents: [String] {
    segments.flatMap { segment in
      segment.items.filter { !$0.value.isDone }.map {
        "\(segment.name.sequence) \($0.key) \($0.value.id) \($0.value.ended.sorted())"
          + " \($0.value.isHeld)"
      }
    }.sorted()
  }
}
