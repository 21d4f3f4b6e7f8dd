import Reactor

/// Accounts for the content that sessions hold in memory (spool rule R25).
///
/// A session that has begun never waits for memory: when there is too little, the largest body is
/// written out to a segment of its own.
@ReactorActor
final class BodyMemory {
  /// Bytes that all bodies of the process may take: `body_memory_limit`.
  let limit: Int
  /// Bytes of bodies that may be written out for want of memory: `spool_spill_limit`.
  let spillLimit: Int
  /// Bytes from which a body is written out whatever there is.
  let messageMax: Int
  /// Bytes held now.
  private(set) var used = 0
  /// Bytes of unfinished messages that have been written out.
  private(set) var spilled = 0
  /// Bytes that cannot be written out, which may be as many as those of all bodies: recipients of
  /// transactions under way, headers of which the body has been written out, and messages as
  /// milters see and change them.
  private(set) var pinned = 0
  /// Bytes held that are being written out, or are about to be.
  private var leaving = 0
  private var bodies: [InboundMessage] = []

  /// A body over this goes to a segment of its own (spool rule R23).
  static let smallMessageMax = 1 << 20

  init(limit: Int, spillLimit: Int) {
    self.limit = limit
    self.spillLimit = spillLimit
    messageMax = min(Self.smallMessageMax, limit)
  }

  /// Whether another message may begin.
  var isAdmitting: Bool { used < limit || spilled < spillLimit }

  /// Whether another recipient may be taken.
  var hasRoomForRecipient: Bool { pinned < limit }

  /// Notes that `bytes` more or less than before cannot be written out.
  func changePinned(by bytes: Int) { pinned += bytes }

  /// Whether there is room for `bytes` more that cannot be written out.
  func hasRoom(for bytes: Int) -> Bool { bytes <= limit - pinned }

  /// Begins to account for a message.
  func enter(_ message: InboundMessage) {
    message.memoryIndex = bodies.count
    bodies.append(message)
  }

  /// Ends what `enter` began.
  func leave(_ message: InboundMessage) {
    let index = message.memoryIndex
    guard index >= 0 else { return }
    let last = bodies.removeLast()
    if last !== message {
      bodies[index] = last
      last.memoryIndex = index
    }
    message.memoryIndex = -1
    used -= message.accountedBytes
    spilled -= message.spilledBytes
    pinned -= message.pinnedBytes
  }

  /// Notes that a message holds `bytes` more or less than before.
  func change(by bytes: Int) { used += bytes }

  /// Notes that `bytes` more or less of what is held are being written out.
  func changeLeaving(by bytes: Int) { leaving += bytes }

  /// Notes that `bytes` of a message have been written out.
  func countSpilled(_ bytes: Int) { spilled += bytes }

  /// Has the largest bodies written out while there is too little memory.
  func relieve() {
    guard used - leaving > limit else { return }
    let largest = bodies.max { $0.spillableBytes < $1.spillableBytes }
    guard let largest, largest.spillableBytes > 0 else { return }
    largest.beginToLeave()
    reactorTask { await largest.writeOut() }
  }
}
