import DeliveryReports
import LinuxSystem
import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// What a run of a message leaves to be told to its sender.
struct FailedDelivery: Sendable {
  let record: MessageRecord
  let sender: MailAddress
  let arrival: WallTime
  let failures: [(recipient: FailedRecipient, verdict: RecipientVerdict)]
  /// Results whose agents wait for the journal.
  let heldResults: [(agent: Agent, delivery: UInt64)]
  /// Whether nothing else is left to do for the message.
  let endsMessage: Bool

  @ReactorActor
  init(_ message: ActiveMessage, endsMessage: Bool) {
    record = message.record
    sender = message.sender
    arrival = message.arrival
    failures = message.failures.map { verdict in
      let recipient = message.recipients[Int(verdict.index)]
      return (
        FailedRecipient(
          address: recipient.address,
          originalAddress: recipient.original.isEmpty ? nil : MailAddress(recipient.original),
          status: verdict.status, reason: verdict.text), verdict
      )
    }
    heldResults = message.heldResults
    self.endsMessage = endsMessage
  }
}

/// Tells senders what did not arrive: a report is a new message in a segment of the queue
/// manager's own, and only when it is flushed are the failed recipients done (spool rule R4).
@ReactorActor
final class Bouncer {
  private unowned let queue: MailQueue
  private var underWay = 0
  /// Reports under way by the message that they are about.
  private var subjects: [MessageRef: Int] = [:]
  private let change = Gate()

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Whether a report about a message is under way: its record is needed where it is.
  func concerns(_ ref: MessageRef) -> Bool { subjects[ref] != nil }

  /// Reports failures of a message; its segment stays until that is done.
  func add(_ failed: FailedDelivery) {
    guard !failed.sender.isNull else {
      logDiscarded(failed.record.id)
      return settle(failed)
    }
    underWay += 1
    subjects[failed.record.ref, default: 0] += 1
    failed.record.segment.messageCount += 1
    reactorTask {
      await self.report(failed)
      failed.record.segment.messageCount -= 1
      self.queue.removeIfSpent(failed.record.segment)
      self.underWay -= 1
      let left = (self.subjects[failed.record.ref] ?? 1) - 1
      self.subjects[failed.record.ref] = left > 0 ? left : nil
      self.change.pulse()
    }
  }

  /// Waits until all reports are written; false when the deadline comes first.
  func drain(deadline: MonotonicTime) async -> Bool {
    (try? await change.wait(deadline: deadline) { underWay > 0 }) != nil
  }

  private func report(_ failed: FailedDelivery) async {
    do throws(SpoolError) {
      let header = try await readHeader(failed.record)
      let id = queue.writer.makeQueueID(now: queue.clock.wallNow)
      guard let record = pending(failed, as: id, header: header) else {
        preconditionFailure("a sender to tell was looked for before")
      }
      try await queue.writer.commit(record)
      logReport(of: failed.record.id, as: id)
      settle(failed)
    } catch {
      queue.log.error("bounce", "\(failed.record.id): cannot write a report: \(error)")
      putBack(failed)
    }
  }

  private func readHeader(_ record: MessageRecord) async throws(SpoolError) -> [UInt8] {
    let reading = RecordReading(record)
    let disk = queue.disk
    let limit = UInt64(queue.settings.returnedSizeLimit)
    return try await queue.reader.perform { () throws(SpoolError) in
      let lead = try reading.read(on: disk).get().lead
      return try disk.read(
        Int(min(lead.header.length, limit)), from: reading.file, at: lead.header.offset)
    }
  }

  private func pending(
    _ failed: FailedDelivery, as id: QueueID, header: [UInt8]
  ) -> PendingRecord? {
    let now = queue.clock.wallNow
    let source = FailureReport.Source(
      queueID: failed.record.id, sender: failed.sender, arrivalDate: Self.date(failed.arrival),
      recipients: failed.failures.map(\.recipient), header: header)
    let reporter = FailureReport.Reporter(
      hostname: queue.settings.hostname, mailName: queue.settings.mailName,
      returnedSizeLimit: queue.settings.returnedSizeLimit)
    guard let report = FailureReport(about: source, as: id, date: Self.date(now), by: reporter)
    else { return nil }
    var flags: RecordFlags = []
    if report.hasEightBitHeader { flags.formUnion([.header8Bit, .needsSMTPUTF8]) }
    if report.isEightBit { flags.insert(.body8Bit) }
    if report.size != report.header.count + report.body.count {
      flags.formUnion([.hasStuffedLines, .scanForDots])
    }
    return PendingRecord(
      id: id, header: report.header, body: report.body,
      envelope: Envelope(
        sender: .null, recipients: [EnvelopeRecipient(report.recipient)], arrival: now),
      flags: flags, contentSize: UInt64(report.size))
  }

  private static func date(_ time: WallTime) -> [UInt8] {
    var text: [UInt8] = []
    MailDate.append(time, offset: .utc, to: &text)
    return text
  }

  /// The sender has been told, or cannot be: the recipients are done.
  private func settle(_ failed: FailedDelivery) {
    let now = queue.clock.wallNow
    let record = failed.record
    for (place, failure) in failed.failures.enumerated() {
      let isLast = failed.endsMessage && place == failed.failures.count - 1
      queue.journals.append(
        JournalEntry(
          .bounced(DeliveryAttempt(failure.verdict)), id: record.id, offset: record.offset,
          recipient: failure.verdict.index, endsMessage: isLast, time: now),
        to: record.segment)
    }
    for (agent, delivery) in failed.heldResults {
      queue.journals.acknowledge(delivery, of: agent)
    }
    if failed.endsMessage { queue.whenRecorded(record) }
  }

  /// The sender could not be told: the recipients are open again, and their next failure is.
  private func putBack(_ failed: FailedDelivery) {
    let record = failed.record
    let indices = Set(failed.failures.map(\.verdict.index))
    if let message = queue.messages[record.ref] {
      message.failures += failed.failures.map(\.verdict)
      message.heldResults += failed.heldResults
      return
    }
    if let left = queue.endedRecipients[record.ref]?.subtracting(indices) {
      queue.endedRecipients[record.ref] = left.isEmpty ? nil : left
    }
    _ = queue.scheduler.putBack(
      record.ref, recipients: indices.count, now: Reactor.shared.now)
    for (agent, delivery) in failed.heldResults {
      queue.journals.acknowledge(delivery, of: agent)
    }
    queue.plan()
  }

  private func logReport(of id: QueueID, as report: QueueID) {
    queue.log.line("bounce") {
      $0.append(queueID: id)
      $0.append(text: ": sender non-delivery notification: ")
      $0.append(queueID: report)
    }
  }

  private func logDiscarded(_ id: QueueID) {
    queue.log.line("bounce") {
      $0.append(queueID: id)
      $0.append(text: ": sender non-delivery notification discarded: null sender")
    }
  }
}

extension SegmentMark {
  /// What a writer of this process reached.
  init(_ progress: SegmentProgress) {
    self.init(
      fileName: progress.name.segmentFile, nonce: progress.name.nonce, end: progress.end,
      sealed: progress.isSealed)
  }
}
