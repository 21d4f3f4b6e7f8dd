import CLinux
import LinuxSystem
import Synchronization

/// What other threads send to the reactor, and the descriptor that wakes it.
///
/// The reactor says that it is about to sleep *before* it looks whether something was posted, a
/// poster posts *before* it looks whether the reactor sleeps: one of them sees the other. So a busy
/// reactor is never woken and many completions cost one wake-up.
final class Inbox: Sendable {
  private struct Content: Sendable {
    var jobs: [UnownedJob] = []
    var actions: [@Sendable @ReactorActor () -> Void] = []
  }

  private let content = Mutex(Content())
  private let isFull = Atomic(false)
  private let isSleeping = Atomic(false)
  let wakeDescriptor: Int32

  init() {
    wakeDescriptor = clinux_eventfd()
    precondition(wakeDescriptor >= 0, "no descriptor for the reactor")
  }

  func post(_ job: UnownedJob) {
    content.withLock { $0.jobs.append(job) }
    wake()
  }

  func post(_ action: @escaping @Sendable @ReactorActor () -> Void) {
    content.withLock { $0.actions.append(action) }
    wake()
  }

  private func wake() {
    isFull.store(true, ordering: .sequentiallyConsistent)
    guard isSleeping.exchange(false, ordering: .sequentiallyConsistent) else { return }
    let result = clinux_eventfd_wake(wakeDescriptor)
    precondition(result >= 0, "the reactor cannot be woken")
  }

  /// Announces that the reactor is about to wait; false when something was posted meanwhile.
  @ReactorActor
  func maySleep() -> Bool {
    isSleeping.store(true, ordering: .sequentiallyConsistent)
    return !isFull.load(ordering: .sequentiallyConsistent)
  }

  /// Moves what was posted to the reactor's own queue, in the order of posting.
  @ReactorActor
  func drain() {
    isSleeping.store(false, ordering: .relaxed)
    guard isFull.load(ordering: .relaxed) else { return }
    isFull.store(false, ordering: .sequentiallyConsistent)
    let taken = content.withLock { content in
      let taken = content
      content = Content()
      return taken
    }
    Reactor.shared.ready.append(contentsOf: taken.jobs)
    for action in taken.actions { action() }
  }
}
