package import Primitives

/// Calls a function at a time that can be moved as often as one likes at no cost.
///
/// An alarm that is let go does not ring.
@ReactorActor
package final class Alarm {
  private final class Entry: DeadlineEntry {
    let action: @ReactorActor () -> Void
    init(_ action: @escaping @ReactorActor () -> Void) {
      self.action = action
      super.init()
    }
    override func expired() { action() }
  }

  private let entry: Entry

  /// Makes an alarm that is off.
  package init(_ action: @escaping @ReactorActor () -> Void) { entry = Entry(action) }

  isolated deinit { Reactor.shared.loop.deadlines.remove(entry) }

  /// Whether it is going to ring.
  package var isScheduled: Bool { entry.deadline != .max }

  /// Rings at `time` instead of any time set before.
  package func schedule(at time: MonotonicTime) {
    Reactor.shared.loop.deadlines.set(entry, to: time.nanoseconds)
  }

  /// Does not ring.
  package func cancel() { Reactor.shared.loop.deadlines.drop(entry) }
}
