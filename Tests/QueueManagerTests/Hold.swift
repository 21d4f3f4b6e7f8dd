import LinuxSystem
import Reactor
import Synchronization

/// Keeps a helper from doing anything until it is let go.
final class Hold: Sendable {
  private enum State { case asked, holding, over }
  private let latch = Latch()
  private let state = Mutex(State.asked)

  @ReactorActor
  static func take(_ helper: HelperThread) async throws -> Hold {
    let hold = Hold()
    helper.submit { hold.wait() }
    try await eventually("the helper is held") { hold.state.withLock { $0 == .holding } }
    return hold
  }

  private func wait() {
    latch.withLock {
      state.withLock { $0 = .holding }
      while state.withLock({ $0 != .over }) { latch.wait() }
    }
  }

  func letGo() {
    latch.withLock {
      state.withLock { $0 = .over }
      latch.signal()
    }
  }
}
