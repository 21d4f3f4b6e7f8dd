import Primitives
package import Reactor

/// Notices a disk that does not answer: some write under way takes too long (R33).
@ReactorActor
package final class StallWatch {
  /// A write under way.
  struct Work {
    fileprivate let number: UInt64
  }

  private let limit: Duration
  /// When each write under way began, by its number.
  private var begun: [UInt64: MonotonicTime] = [:]
  private var lastNumber: UInt64 = 0
  private lazy var alarm = Alarm { [unowned self] in self.judge() }

  /// Whether the oldest write under way has taken longer than the limit: new mail is to be refused
  /// meanwhile.
  package private(set) var isStalled = false
  /// Called when `isStalled` changes.
  package var onChange: @ReactorActor (Bool) -> Void = { _ in }

  init(limit: Duration) { self.limit = limit }

  /// A write begins, for which somebody has been waiting since a time.
  func begin(since time: MonotonicTime = Reactor.shared.now) -> Work {
    lastNumber += 1
    begun[lastNumber] = time
    // One alarm for all: it looks again when it has rung too early.
    if !alarm.isScheduled { alarm.schedule(at: time + limit) }
    return Work(number: lastNumber)
  }

  /// A write has ended, whichever way.
  func end(_ work: Work) {
    begun[work.number] = nil
    if isStalled { judge() }
  }

  private func judge() {
    let oldest = begun.values.min()
    let isLate = oldest.map { Reactor.shared.now >= $0 + limit } ?? false
    if !isLate, let oldest { alarm.schedule(at: oldest + limit) }
    guard isLate != isStalled else { return }
    isStalled = isLate
    onChange(isLate)
  }
}
