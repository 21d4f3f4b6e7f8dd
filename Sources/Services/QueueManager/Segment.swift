import MailTypes
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
  /// Whether its table of records is in the journal (rule R29).
  var hasTable = false
  /// Whether its journal has been begun and has room for results (rule R24).
  var isPrepared = false
  /// How far the journal says that records have been taken in.
  var notedEnd = UInt64(FileHeader.size)
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

  /// The segment of a nonce.
  func find(_ nonce: Nonce) -> Segment? { byNonce[nonce] }
}
