import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
package import Reactor

/// A message that is written to a segment of its own while it comes in (R23).
///
/// Its calls follow each other. It ends with `finish` or `abort`, or with an error of either call
/// before, after which only `abort` may follow.
@ReactorActor
package final class LargeMessage {
  private let record: LargeRecordWriter<LinuxDisk>
  private let helper: HelperThread
  private let onProgress: @ReactorActor (SegmentProgress) -> Void

  init(
    _ record: LargeRecordWriter<LinuxDisk>, helper: HelperThread,
    onProgress: @escaping @ReactorActor (SegmentProgress) -> Void
  ) {
    self.record = record
    self.helper = helper
    self.onProgress = onProgress
  }

  /// Writes the next part of the body, in wire form.
  package func append(_ bytes: [UInt8]) async throws(SpoolError) {
    try await helper.perform { [record] () throws(SpoolError) in try record.append(bytes) }
  }

  /// Writes header, envelope and lead, and flushes; when this returns it is mail.
  ///
  /// - Parameter rest: everything but the body, which has been streamed.
  /// - Throws: why it is not mail; on `.uncertain` the session must end without an answer.
  package func finish(_ rest: PendingRecord) async throws(SpoolError) {
    let end = try await helper.perform { [record] () throws(SpoolError) -> UInt64 in
      do throws(SpoolError) {
        let end = try record.finish(rest)
        record.segment.close()
        return end
      } catch {
        if (try? record.segment.markEnd()) == nil { throw .uncertain }
        throw error
      }
    }
    onProgress(SegmentProgress(name: record.segment.name, end: end, isSealed: true))
  }

  /// Removes what was written: the message was not accepted.
  package func abort() async {
    // What cannot be removed now holds no record: recovery removes it.
    await helper.perform { [record] in try? record.abort() }
  }
}

extension SpoolWriter {
  /// Begins a message that is too large for memory.
  ///
  /// - Parameter helper: the thread for large streams; not the one that commits batches (R26).
  package func beginLarge(on helper: HelperThread) async throws(SpoolError) -> LargeMessage {
    if isRefusing { throw .refusing }
    guard let sequence = takeSequence() else { throw .refusing }
    let now = Clocks.wallNow()
    let record = try await helper.perform {
      [disk, writer] () throws(SpoolError) -> LargeRecordWriter<LinuxDisk> in
      try LargeRecordWriter(
        on: disk, name: try SegmentChain<LinuxDisk>.name(writer, sequence), created: now)
    }
    return LargeMessage(record, helper: helper, onProgress: report)
  }
}
