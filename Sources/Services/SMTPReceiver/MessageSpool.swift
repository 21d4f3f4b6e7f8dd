import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor

/// Why the spool did not take a message; either way the client shall come back.
enum StorageFault: Error, Equatable, Sendable {
  /// There is no room.
  case full
  /// A write or flush failed.
  case broken
}

/// A message that has been received whole.
struct ReceivedMessage: Sendable {
  /// Its name.
  var id: QueueID
  /// Header and body in wire form, from the first byte of `Received:`.
  var content: [UInt8]
  /// Bytes of the header, with the empty line behind it.
  var headerSize: Int
  /// Sender, recipients, client.
  var envelope: Envelope
  /// What the scan found.
  var flags: RecordFlags
  /// Bytes of content without dot-stuffing.
  var contentSize: Int
}

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
  func commit(_ message: ReceivedMessage) async throws(StorageFault)
  /// Begins a message that is written while it comes in.
  func beginStream() async throws(StorageFault) -> any MessageStream
  /// How long the oldest commit under way has been waiting.
  var oldestCommitAge: Duration { get }
  /// Why new mail is refused; `nil` when it is welcome.
  var isRefusing: Bool { get }
  /// Finishes commits under way and gives up the segments.
  func drain() async
}

/// A large message on its way to the disk, body first.
@ReactorActor
protocol MessageStream: AnyObject {
  /// Writes the next bytes of the body.
  func append(_ body: [UInt8]) async throws(StorageFault)
  /// Writes the rest; `message.content` is the header alone. Returns once all is on the disk.
  func finish(_ message: ReceivedMessage) async throws(StorageFault)
  /// Drops what was written.
  func abort() async
}
