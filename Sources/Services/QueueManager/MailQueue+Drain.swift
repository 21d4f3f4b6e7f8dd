import Primitives
import Reactor
import ServiceKit

/// The end of the queue manager's life.
extension MailQueue {
  /// Waits for the deliveries under way until the deadline, and makes everything last.
  func drain(deadline: MonotonicTime) async {
    while peers.contains(where: { !$0.inFlight.isEmpty }) {
      guard (try? await resultCame.wait(deadline: deadline)) != nil else { break }
    }
    await bouncer.drain(deadline: deadline)
    await journals.flush()
  }
}
