import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPServerCore
import ServiceKit
import Streams

/// The way to the queue manager: how far segments are flushed goes there, whether new mail is
/// welcome comes back.
@ReactorActor
final class QueueManagerLink {
  private let log: Log
  private var channel: MessageChannel?
  private var notices: HeldNotices
  private lazy var alarm = Alarm { [unowned self] in self.tell() }

  /// - Parameter interval: the least time between two notices of new mail.
  init(log: Log, interval: Duration) {
    self.log = log
    notices = HeldNotices(interval: interval)
  }

  /// Goes on with a new channel, which first hears of every segment that is not sealed.
  ///
  /// - Parameter onRefusal: told why new mail is refused, and `nil` when it is welcome.
  func attach(
    _ fresh: MessageChannel, progress: [SegmentProgress],
    onRefusal: @escaping @Sendable @ReactorActor (SMTPReply?) -> Void
  ) {
    channel?.close()
    channel = fresh
    onRefusal(nil)
    // All progress is in there, so what is held is no news.
    alarm.cancel()
    _ = notices.take(now: Reactor.shared.now)
    fresh.post(.writerHello(progress.map(SegmentMark.init)))
    reactorTask {
      await self.listen(to: fresh, onRefusal)
      guard self.channel === fresh else { return }
      self.channel = nil
      // Nobody is there to say that mail is unwelcome; it waits on the disk (spool rule R36).
      onRefusal(nil)
    }
  }

  private func listen(
    to channel: MessageChannel, _ onRefusal: @ReactorActor (SMTPReply?) -> Void
  ) async {
    do throws(StreamError) {
      while let delivery = try await channel.receive() {
        for message in delivery.messages {
          switch message {
          case .intake(let accepting, let reason):
            onRefusal(accepting ? nil : Self.refusal(reason))
          default: log.warning("smtpd", "unexpected message from the queue manager")
          }
        }
      }
    } catch {
      log.warning("smtpd", "the channel to the queue manager broke: \(error)")
    }
    channel.close()
  }

  private static func refusal(_ reason: String) -> SMTPReply {
    reason.isEmpty
      ? .insufficientStorage : SMTPReply(452, EnhancedStatus(4, 3, 1), reason)
  }

  /// Tells how far a segment is flushed; without a queue manager it learns so later.
  func report(_ progress: SegmentProgress) {
    let now = Reactor.shared.now
    let time = notices.add(progress, now: now)
    if time <= now { return tell() }
    if !alarm.isScheduled { alarm.schedule(at: time) }
  }

  /// Tells what is held.
  private func tell() {
    alarm.cancel()
    for progress in notices.take(now: Reactor.shared.now) {
      channel?.post(.watermark(SegmentMark(progress)))
    }
  }

  /// Sends what is held and what waits for the end of the turn.
  func flush() {
    tell()
    channel?.flush()
  }
}

extension SegmentMark {
  init(_ progress: SegmentProgress) {
    self.init(
      fileName: progress.name.segmentFile, nonce: progress.name.nonce, end: progress.end,
      sealed: progress.isSealed)
  }
}
