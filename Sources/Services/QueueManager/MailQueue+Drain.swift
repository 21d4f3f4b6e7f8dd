import Primitives
import QueueStore
import Reactor
import ServiceKit

/// The end of the queue manager's life.
extension MailQueue {
  /// Waits for the deliveries under way until the deadline, and makes everything last.
  func drain(deadline: MonotonicTime) async {
    // What is still under way then is in flight in a dead process for the next queue manager.
    try? await resultCame.wait(deadline: deadline) {
      peers.contains { !$0.inFlight.isEmpty }
    }
    let hasMoved = await mover.drain(deadline: deadline)
    let hasRequeued = await requeuer.drain(deadline: deadline)
    let hasForwarded = await forwarder.drain(deadline: deadline)
    delayWarner.stop()
    expirer.stop()
    let hasReported = await bouncer.drain(deadline: deadline)
    if hasMoved, hasRequeued, hasForwarded, hasReported { await writer.drain() }
    await journals.flush(deadline: deadline)
  }
}
