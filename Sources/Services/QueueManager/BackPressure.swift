import Primitives
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Tells writers whether new mail is welcome: not while the queue is full (spool rule R36), and
/// not while the room on the disk is needed for what is there already (R24).
@ReactorActor
final class BackPressure {
  private static let checkPause = Duration.seconds(2)

  private unowned let queue: MailQueue
  private var writers: [MessageChannel] = []
  private var isFull = false
  /// Whether the room on the disk is short.
  private(set) var lacksSpace = false
  private lazy var alarm = Alarm { self.check() }

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  private var order: InternalMessage {
    .intake(
      accepting: !isFull && !lacksSpace,
      reason: isFull && !lacksSpace ? "Too many messages in the queue" : "")
  }

  /// Begins to watch the disk.
  func start() { check() }

  /// A writer is there.
  func add(_ writer: MessageChannel) {
    writers.append(writer)
    if isFull || lacksSpace { writer.post(order) }
  }

  /// A writer is gone.
  func remove(_ writer: MessageChannel) { writers.removeAll { $0 === writer } }

  /// The queue has grown.
  func messageCame() {
    guard !isFull, queue.scheduler.messageCount >= queue.settings.messageLimit else { return }
    isFull = true
    queue.log.warning("qmgr", "queue_message_limit is reached: new mail is refused")
    tell()
    queue.intake.isPaused = true
  }

  /// The queue has shrunk.
  func messageLeft() {
    let limit = queue.settings.messageLimit
    guard isFull, queue.scheduler.messageCount < max(limit - limit / 64, 1) else { return }
    isFull = false
    queue.log.information("qmgr", "the queue has room: new mail is welcome")
    tell()
    queue.intake.isPaused = false
  }

  /// The settings have changed.
  func limitsChanged() {
    messageCame()
    messageLeft()
    alarm.schedule(at: Reactor.shared.now)
  }

  /// A refusal is said again as long as it holds: a writer that was busy then ends its segment now.
  private func tell() { for writer in writers { writer.post(order) } }

  /// A segment is gone: while room is short that may be what was waited for.
  func roomWasMade() { if lacksSpace { alarm.schedule(at: Reactor.shared.now) } }

  private func check() {
    let disk = queue.disk
    reactorTask {
      let free = await self.queue.reader.perform { try? disk.freeBytes() }
      self.judge(free)
      self.alarm.schedule(at: Reactor.shared.now + Self.checkPause)
    }
  }

  private func judge(_ free: UInt64?) {
    let least = queue.settings.freeBytesMin
    // Some slack on the way back keeps the answer from changing with every message.
    let isShort = (free ?? .max) < (lacksSpace ? least + least / 8 : least)
    guard isShort != lacksSpace else {
      if isShort {
        tell()
        queue.mover.look(after: .zero)
      }
      return
    }
    lacksSpace = isShort
    if isShort {
      queue.writer.sealEarly()
      queue.log.warning("qmgr", "not enough free space in the spool: new mail is refused")
    } else {
      queue.log.information("qmgr", "the spool has room: new mail is welcome")
    }
    tell()
    if isShort { queue.mover.look(after: .zero) }
  }
}
