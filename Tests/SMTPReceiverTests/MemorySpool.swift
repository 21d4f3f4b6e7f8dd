import MailTypes
import Primitives
import QueueStore
import Reactor

@testable import SMTPReceiver

/// A spool that keeps messages in memory and fails or waits when told to.
@ReactorActor
final class MemorySpool: MessageSpool {
  var messages: [PendingRecord] = []
  var fault: SpoolError?
  var isStalled = false {
    didSet { if isStalled != oldValue { onStall(isStalled) } }
  }
  var onStall: @ReactorActor (Bool) -> Void = { _ in }
  var isRefusing = false
  /// Commits wait here.
  let commits = Gate(isOpen: true)
  /// Writes of large bodies wait here.
  let writes = Gate(isOpen: true)
  private(set) var inData = 0
  private(set) var streamsBegun = 0
  fileprivate(set) var streamsAborted = 0
  /// Pieces of bodies that were written.
  fileprivate(set) var pieces = 0
  private(set) var hasDrained = false
  private var lastID: UInt64 = 1_800_000_000_000_000

  func makeQueueID(now: WallTime) -> QueueID {
    lastID += 1
    return QueueID(microseconds: lastID, sequence: 7)
  }

  func enterData() -> DataPass {
    inData += 1
    return DataPass(ticket: nil)
  }

  func leaveData(_ pass: DataPass) { inData -= 1 }

  func commit(_ message: PendingRecord) async throws(SpoolError) {
    await pass(commits)
    if let fault { throw fault }
    messages.append(message)
  }

  func beginStream() async throws(SpoolError) -> any MessageStream {
    await pass(writes)
    if let fault { throw fault }
    streamsBegun += 1
    return MemoryStream(self)
  }

  func drain() async { hasDrained = true }

  fileprivate func pass(_ gate: Gate) async {
    do { try await gate.wait() } catch { fault = .ended }
  }
}

/// A large message of `MemorySpool`.
@ReactorActor
final class MemoryStream: MessageStream {
  private let spool: MemorySpool
  private var body: [UInt8] = []

  init(_ spool: MemorySpool) { self.spool = spool }

  func append(_ body: [UInt8]) async throws(SpoolError) {
    await spool.pass(spool.writes)
    if let fault = spool.fault { throw fault }
    spool.pieces += 1
    self.body += body
  }

  func readBack(from offset: UInt64, count: Int) async throws(SpoolError) -> [UInt8] {
    await spool.pass(spool.writes)
    if let fault = spool.fault { throw fault }
    return Array(body[Int(offset)...].prefix(count))
  }

  func finish(_ message: PendingRecord) async throws(SpoolError) {
    var message = message
    message.content += body
    try await spool.commit(message)
  }

  func abort() async { spool.streamsAborted += 1 }
}
