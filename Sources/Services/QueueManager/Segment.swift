import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor
import ServiceKit

/// A segment as the queue manager knows it.
@ReactorActor
final class Segment {
  /// Its name.
  nonisolated let name: SegmentName
  /// Its number in the scheduler.
  nonisolated let number: UInt32
  /// Open for reading; what agents get is this description, which never holds a lock (rule R12).
  var file: LinuxDisk.File {
    guard let openFile else { preconditionFailure("a segment is read that is gone") }
    return openFile
  }
  private var openFile: LinuxDisk.File?
  /// What became of its messages.
  nonisolated let journal: JournalKeeper

  /// The first byte that has not been taken into the queue.
  var takenEnd = UInt64(FileHeader.size)
  /// Everything before it has been flushed by the writer.
  var markedEnd = UInt64(FileHeader.size)
  /// Whether nothing is added to it any more.
  var isSealed = false
  /// The process that writes it, while it lives and says so.
  var owner: ProcessName?
  /// Whether somebody held its lock when that was last looked at.
  var isLocked = false
  /// Whether its table of records is in the journal (rule R29).
  var hasTable = false
  /// Whether its journal has been begun and has room for results (rule R24).
  var isPrepared = false
  /// How far the journal says that records have been taken in.
  var notedEnd = UInt64(FileHeader.size)
  /// Its size in bytes, as far as it is known; what a recovery finds lies behind `markedEnd` too.
  var size: UInt64 { max(markedEnd, recoveredEnd) }
  /// Where a recovery found that it ends.
  var recoveredEnd: UInt64 = 0
  /// Messages that were taken in since this life knows it, and the bytes of their contents.
  var taken = (count: 0, bytes: UInt64(0))
  /// Before this time nothing of it is moved.
  var movesAgainAt = MonotonicTime(nanoseconds: 0)
  /// Messages of it in the queue.
  var messageCount = 0
  /// What an earlier life of the queue manager says of messages that have not been taken in.
  var history: [UInt64: MessageHistory] = [:]
  /// Entries that the next write takes.
  var entries: [JournalEntry] = []
  /// Agents that have its descriptor.
  var holders: [Agent] = []
  /// Whether it is being, or has been, removed.
  var isGone = false

  init(name: SegmentName, number: UInt32, file: LinuxDisk.File, journal: JournalKeeper) {
    self.name = name
    self.number = number
    openFile = file
    self.journal = journal
  }

  /// Gives up the file, for the helper that closes it.
  func takeFile() -> LinuxDisk.File? { openFile.take() }

  /// About how many bytes its mail takes that is still in the queue.
  var liveBytes: UInt64 {
    guard taken.count > 0 else { return 0 }
    let each = taken.bytes / UInt64(taken.count) + Self.recordOverhead
    return UInt64(max(messageCount, 0)) * each
  }
  /// The part of its bytes that is still needed.
  var liveShare: Double { Double(liveBytes) / Double(max(size, 1)) }
  /// About what a record takes beyond its content.
  private static let recordOverhead: UInt64 = 512

  /// A message of it has been taken in.
  func noteMessage(_ row: RecordRow) {
    messageCount += 1
    taken.count += 1
    taken.bytes += row.contentSize
  }

  /// Whether nothing in it will ever be needed again.
  var isSpent: Bool {
    isSealed && takenEnd >= markedEnd && messageCount == 0 && entries.isEmpty && !isGone
  }
}

/// All segments, by the number that the scheduler knows and by nonce.
@ReactorActor
struct SegmentTable {
  private var slots: [Segment?] = []
  private var free: [UInt32] = []
  private var byNonce: [Nonce: Segment] = [:]

  init() {}

  /// How many there are.
  var count: Int { byNonce.count }

  /// All of them, in no order.
  var all: some Collection<Segment> { byNonce.values }

  /// Adds a segment.
  mutating func insert(
    _ name: SegmentName, file: LinuxDisk.File, journal: JournalKeeper
  ) -> Segment {
    let number = free.popLast() ?? UInt32(slots.count)
    if number == slots.count { slots.append(nil) }
    let segment = Segment(name: name, number: number, file: file, journal: journal)
    slots[Int(number)] = segment
    byNonce[name.nonce] = segment
    return segment
  }

  /// Drops a segment; its number goes to another.
  mutating func remove(_ segment: Segment) {
    byNonce[segment.name.nonce] = nil
    slots[Int(segment.number)] = nil
    free.append(segment.number)
  }

  /// The segment of a number that is in use.
  subscript(number: UInt32) -> Segment {
    guard let segment = slots[Int(number)] else {
      preconditionFailure("a message lies in a segment that is gone")
    }
    return segment
  }

  /// The nonces of all of them.
  var nonces: Set<Nonce> { Set(byNonce.keys) }

  /// The segment of a nonce.
  func find(_ nonce: Nonce) -> Segment? { byNonce[nonce] }
}
