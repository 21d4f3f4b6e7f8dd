import Primitives
import QueueScheduler
import QueueStore
import Reactor

/// Which segments are worth emptying (spool rule R31), and what is in them.
extension Mover {
  /// Segments that one walk through the queue looks for.
  private static let segmentsPerWalk = 64
  /// Messages that are listed before everything else gets its turn.
  private static let listedPerTurn = 1024

  /// The segments that are to be emptied, those with the least mail for their size first.
  func choose() -> [Segment] {
    let bounds = queue.settings.relocation
    let sealed = queue.segments.all.filter { $0.isSealed && $0.takenEnd >= $0.markedEnd }
    let size = sealed.reduce(0) { $0 + $1.size }
    let live = sealed.reduce(0) { $0 + $1.liveBytes }
    guard
      queue.pressure.lacksSpace
        || Relocation.isWorthwhile(sealedBytes: size, liveBytes: live, within: bounds)
    else { return [] }
    let now = Reactor.shared.now
    let sparse = sealed.filter {
      $0.messageCount > 0 && $0.movesAgainAt <= now && $0.size / bounds.factor > $0.liveBytes
    }
    return Array(sparse.sorted { $0.liveShare < $1.liveShare }.prefix(Self.segmentsPerWalk))
  }

  /// Walks through the queue for the messages of some segments.
  func list(_ segments: [Segment]) async -> [UInt32: [MessageSummary]] {
    var found: [UInt32: [MessageSummary]] = [:]
    for segment in segments { found[segment.number] = [] }
    var cursor: UInt32? = 0
    while let at = cursor {
      var part: [MessageSummary] = []
      cursor = queue.scheduler.list(from: at, limit: Self.listedPerTurn, into: &part)
      for message in part { found[message.place.segment]?.append(message) }
      await Reactor.shared.yieldTurn()
    }
    return found
  }
}
