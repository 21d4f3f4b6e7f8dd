import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
package import Reactor

/// A record that is written while it comes in, on whatever disk.
protocol StreamedRecord: AnyObject, Sendable {
  /// Writes the next part of the body, in wire form.
  func append(_ bytes: [UInt8]) throws(SpoolError)
  /// Reads `count` bytes of the body that has been written.
  func readBack(from offset: UInt64, count: Int) throws(SpoolError) -> [UInt8]
  /// Completes the record and flushes it; returns the end of what is flushed.
  func finish(_ record: PendingRecord) throws(SpoolError) -> UInt64
  /// Removes the segment: the message was not accepted.
  func abort() throws(SpoolError)
  /// The segment, for what follows the record's end.
  var ended: any FailedSegment { get }
}

extension LargeRecordWriter: StreamedRecord {
  var ended: any FailedSegment { segment }
}

/// A message that is written to a segment of its own while it comes in (R23).
///
/// Its calls follow each other. It ends with `finish` or `abort`, or with an error of either call
/// before, after which only `abort` may follow.
@ReactorActor
package final class LargeMessage {
  private let record: any StreamedRecord
  private let helper: HelperThread
  private let writer: SpoolWriter
  /// Whether the writer has the segment, whose fate is not certain.
  private var isKept = false

  init(_ record: any StreamedRecord, helper: HelperThread, writer: SpoolWriter) {
    self.record = record
    self.helper = helper
    self.writer = writer
  }

  /// Writes the next part of the body, in wire form.
  package func append(_ bytes: [UInt8]) async throws(SpoolError) {
    let work = writer.stalls.begin()
    defer { writer.stalls.end(work) }
    try await helper.perform { [record] () throws(SpoolError) in try record.append(bytes) }
  }

  /// Reads a part of the body that has been written, in wire form: content is looked at before it
  /// becomes mail.
  package func readBack(from offset: UInt64, count: Int) async throws(SpoolError) -> [UInt8] {
    let work = writer.stalls.begin()
    defer { writer.stalls.end(work) }
    return try await helper.perform { [record] () throws(SpoolError) in
      try record.readBack(from: offset, count: count)
    }
  }

  /// Writes header, envelope and lead, and flushes; when this returns it is mail.
  ///
  /// - Parameter rest: everything but the body, which has been streamed.
  /// - Throws: why it is not mail; on `.uncertain` the session must end without an answer.
  package func finish(_ rest: PendingRecord) async throws(SpoolError) {
    let work = writer.stalls.begin()
    defer { writer.stalls.end(work) }
    let end: UInt64
    do throws(SpoolError) {
      end = try await helper.perform { [record] () throws(SpoolError) -> UInt64 in
        do throws(SpoolError) {
          let end = try record.finish(rest)
          record.ended.close()
          return end
        } catch {
          if (try? record.ended.markEnd()) == nil { throw .uncertain }
          throw error
        }
      }
    } catch {
      if error == .uncertain {
        isKept = true
        writer.keep(record.ended)
      }
      throw error
    }
    writer.report(SegmentProgress(name: record.ended.name, end: end, isSealed: true))
  }

  /// Removes what was written: the message was not accepted.
  package func abort() async {
    // Without its name the segment could still come back after a power cut, and be mail.
    if isKept { return }
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
    let work = stalls.begin()
    defer { stalls.end(work) }
    let now = Clocks.wallNow()
    let record = try await helper.perform {
      [chain] () throws(SpoolError) -> any StreamedRecord in
      try chain.beginLarge(sequence, now)
    }
    return LargeMessage(record, helper: helper, writer: self)
  }
}
