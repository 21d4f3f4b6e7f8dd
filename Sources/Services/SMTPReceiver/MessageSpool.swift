import MailTypes
import Primitives
import QueueStore
import Reactor

/// A session's proof that it is inside DATA.
struct DataPass: Sendable {
  /// What the writer of the spool gave, if there is one.
  var ticket: SpoolWriter.DataTicket?
}

/// What sessions need of the spool.
@ReactorActor
protocol MessageSpool: AnyObject {
  /// A name for a message, never given before.
  func makeQueueID(now: WallTime) -> QueueID
  /// A session begins to receive content; commits wait a little for it (spool rule R32).
  func enterData() -> DataPass
  /// A session has received the end of its content, or lost its client.
  func leaveData(_ pass: DataPass)
  /// Returns once the message is on the disk.
  func commit(_ message: PendingRecord) async throws(SpoolError)
  /// Begins a message that is written while it comes in.
  func beginStream() async throws(SpoolError) -> any MessageStream
  /// Whether a commit under way has taken so long that new mail is refused (spool rule R33).
  var isStalled: Bool { get }
  /// Called when `isStalled` changes.
  var onStall: @ReactorActor (Bool) -> Void { get set }
  /// Whether new mail is refused until the disk has shown that it works or has room.
  var isRefusing: Bool { get }
  /// Finishes commits under way and gives up the segments.
  func drain() async
}

/// A large message on its way to the disk, body first.
@ReactorActor
protocol MessageStream: AnyObject {
  /// Writes the next bytes of the body.
  func append(_ body: [UInt8]) async throws(SpoolError)
  /// Reads `count` bytes of the body that has been written.
  func readBack(from offset: UInt64, count: Int) async throws(SpoolError) -> [UInt8]
  /// Writes the rest; `message.content` is the header alone. Returns once all is on the disk.
  func finish(_ message: PendingRecord) async throws(SpoolError)
  /// Drops what was written.
  func abort() async
}
