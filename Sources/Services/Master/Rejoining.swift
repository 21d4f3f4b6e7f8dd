import Primitives
import Reactor

/// When two processes that live get a new channel in place of one that broke: soon, since their
/// mail waits, but more and more slowly where it breaks again and again.
@ReactorActor
final class Rejoining {
  /// The shortest wait: a channel that ended with its process is told from one that broke by the
  /// news of that end, which may come a little later.
  static let waitMin: Duration = .milliseconds(100)

  private var policies: [Int32: RestartPolicy] = [:]
  private var planned: [Int32: Alarm] = [:]

  nonisolated init() {}

  /// Calls `join` after the wait, unless that is planned already for this process.
  ///
  /// - Parameters:
  ///   - ceiling: the longest wait.
  ///   - join: makes the channel; false when there is nobody to make it for.
  func plan(
    pid: Int32, ceiling: Duration, join: @escaping @ReactorActor () -> Bool
  ) {
    guard planned[pid] == nil else { return }
    let fresh = RestartPolicy(ceiling: ceiling, isWriter: false)
    let wait = policies[pid, default: fresh].died(now: Reactor.shared.now, isLast: false)
    let alarm = Alarm {
      self.planned[pid] = nil
      if !join() { self.policies[pid] = nil }
    }
    alarm.schedule(at: Reactor.shared.now + max(wait, Self.waitMin))
    planned[pid] = alarm
  }
}
