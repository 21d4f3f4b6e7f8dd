import AddressRewriting
import DeliveryReports
import DequeModule
import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Tells senders what became of their mail: a report is a new message in a segment of the queue
/// manager's own, and only when it is flushed are failed recipients done (spool rule R4).
@ReactorActor
final class Bouncer {
  /// Bytes of returned messages that may be in memory at once.
  private static let memoryMax = 16 << 20
  /// Reports that are written at once: a batch's worth.
  private static let atOnceMax = 256
  /// Reports that wait from which on nothing is dispatched: mail that fails at once would else be
  /// loaded without an end.
  private static let waitingMax = 4096
  /// The largest message that is returned whole, whatever `bounce_size_limit` says: its report
  /// goes into a batch (spool rule R23).
  private static let returnedSizeMax = 1 << 20

  private unowned let queue: MailQueue
  private var waiting: Deque<PendingReport> = []
  private var underWay = 0
  /// Reports under way by the message that they are about.
  private var subjects: [MessageRef: Int] = [:]
  private let change = Gate()

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Whether a report about a message is under way: its record is needed where it is.
  func concerns(_ ref: MessageRef) -> Bool { subjects[ref] != nil }

  /// Tells who is to hear; the message's segment stays until that is done.
  func add(_ report: PendingReport) {
    var report = report
    report.audiences = audiences(of: report)
    guard !report.audiences.isEmpty else { return settle(report) }
    subjects[report.record.ref, default: 0] += 1
    report.record.segment.messageCount += 1
    waiting.append(report)
    begin()
  }

  /// Whether so many reports wait that nothing that could make more should be begun. When they do
  /// no longer, the queue is asked to go on.
  var isBehind: Bool {
    waiting.count >= min(Self.waitingMax, queue.settings.scheduler.activeLimit)
  }

  /// Reports that wait to be begun.
  var backlog: Int { waiting.count }

  private var returnedSizeLimit: Int {
    min(queue.settings.returnedSizeLimit, Self.returnedSizeMax)
  }

  private func begin() {
    let limit = max(1, min(Self.atOnceMax, Self.memoryMax / returnedSizeLimit))
    let wasBehind = isBehind
    while underWay < limit, let report = waiting.popFirst() {
      underWay += 1
      reactorTask {
        await self.write(report)
        self.underWay -= 1
        self.end(report)
        self.begin()
        self.change.pulse()
      }
    }
    if wasBehind, !isBehind { queue.plan() }
  }

  private func end(_ report: PendingReport) {
    report.record.segment.messageCount -= 1
    queue.removeIfSpent(report.record.segment)
    let left = (subjects[report.record.ref] ?? 1) - 1
    subjects[report.record.ref] = left > 0 ? left : nil
  }

  /// Waits until fewer reports wait than are written at once; the writer answers for each of those
  /// when the disk does.
  func waitForRoom() async {
    try? await change.wait { waiting.count >= Self.atOnceMax }
  }

  /// Waits until all reports are written; false when the deadline comes first.
  func drain(deadline: MonotonicTime) async -> Bool {
    (try? await change.wait(deadline: deadline) { underWay > 0 || !waiting.isEmpty }) != nil
  }

  /// Who is told: the sender, and whom `notify_classes` adds.
  private func audiences(of report: PendingReport) -> [DeliveryReport.Audience] {
    let notices = queue.settings.notices
    if report.sender.isNull, report.kind == .failure, let postmaster = notices.doubleBounce {
      return [.postmaster(postmaster)]
    }
    if isDiscarded(report) { return [] }
    var audiences: [DeliveryReport.Audience] = report.recipients.isEmpty ? [] : [.sender]
    let copy: MailAddress? =
      switch report.kind {
      case .failure: notices.bounce
      case .delay: notices.delay
      case .success: nil
      }
    if let copy, !report.everybody.isEmpty { audiences.append(.postmaster(copy)) }
    return audiences
  }

  /// Reports about reports go to nobody (RFC 5321 4.5.5).
  private func isDiscarded(_ report: PendingReport) -> Bool {
    let sender = report.sender
    let isDouble = ASCII.equalFolded(sender.bytes, queue.settings.doubleBounceSender.utf8)
    guard sender.isNull || isDouble else { return false }
    switch report.kind {
    case .failure where isDouble:
      queue.log.warning(
        "bounce", "\(report.record.id): undeliverable postmaster notification discarded")
    case .failure, .delay: break
    case .success:
      queue.log.information(
        "bounce",
        "\(report.record.id): not sending trace/success notification for "
          + "\(isDouble ? "double" : "single")-bounce message")
    }
    return true
  }

  private func write(_ report: PendingReport) async {
    let original: (returned: ReturnedMessage, flags: RecordFlags)
    do {
      original = try await readOriginal(report)
      try await commit(report, original, to: report.audiences[0])
      settle(report)
    } catch {
      queue.log.error("bounce", "\(report.record.id): cannot write a report: \(error)")
      return putBack(report)
    }
    // Nothing waits for the postmaster's copy of what the sender has been told.
    for audience in report.audiences.dropFirst() {
      do {
        try await commit(report, original, to: audience)
      } catch {
        queue.log.error(
          "bounce", "\(report.record.id): cannot write the postmaster's copy: \(error)")
      }
    }
  }

  private func commit(
    _ report: PendingReport, _ original: (returned: ReturnedMessage, flags: RecordFlags),
    to audience: DeliveryReport.Audience
  ) async throws {
    var original = original
    // A copy shows no more than the header of what its sender can send again.
    if !audience.isSender, !report.sender.isNull {
      original.returned = ReturnedMessage(header: original.returned.header)
    }
    let id = queue.writer.makeQueueID(now: queue.clock.wallNow)
    let message = message(report, as: id, original, to: audience)
    let envelope = try await envelope(of: message, for: report, to: audience)
    try await queue.writer.commit(record(of: message, envelope, as: id))
    log(report, message.messageID, as: id, to: audience)
  }

  /// What is given back of a message (RFC 3461 4.3): of one that was delivered, of one that is
  /// too large, and where the sender wants no more, only the header.
  private func readOriginal(
    _ report: PendingReport
  ) async throws(SpoolError) -> (returned: ReturnedMessage, flags: RecordFlags) {
    let reading = RecordReading(report.record, in: queue)
    let disk = queue.disk
    let limit = UInt64(returnedSizeLimit)
    let mayBeWhole = report.kind == .failure && report.returnContent != .headers
    return try await queue.reader.perform { () throws(SpoolError) in
      let lead = try reading.read(on: disk).get().lead
      let header = try disk.read(
        Int(min(lead.header.length, limit)), from: reading.file, at: lead.header.offset)
      guard mayBeWhole, lead.header.length + lead.body.length <= limit else {
        return (ReturnedMessage(header: header), lead.flags)
      }
      let body = try disk.read(
        Int(lead.body.length), from: reading.file, at: lead.body.offset)
      guard body.count == Int(lead.body.length) else {
        return (ReturnedMessage(header: header), lead.flags)
      }
      return (ReturnedMessage(header: header, body: body), lead.flags)
    }
  }

  private func message(
    _ report: PendingReport, as id: QueueID,
    _ original: (returned: ReturnedMessage, flags: RecordFlags),
    to audience: DeliveryReport.Audience
  ) -> DeliveryReport {
    let retryUntil = report.arrival + queue.settings.scheduler.lifetime
    let source = DeliveryReport.Source(
      queueID: report.record.id, sender: report.sender, envelopeID: report.envelopeID,
      arrivalDate: Self.date(report.arrival),
      retryUntil: report.kind == .delay ? Self.date(retryUntil) : [],
      recipients: audience.isSender ? report.recipients : report.everybody,
      returned: original.returned,
      needsSMTPUTF8: original.flags.contains(.needsSMTPUTF8))
    let reporter = DeliveryReport.Reporter(
      hostname: queue.settings.hostname, mailName: queue.settings.mailName)
    return DeliveryReport(
      report.kind, about: source, as: id, date: Self.date(queue.clock.wallNow), by: reporter,
      to: audience)
  }

  /// The address may be an alias like any recipient's. Where tables do not say whose and waiting is
  /// of no use, it is taken as it is: the mail would else be kept, and its recipient's host asked,
  /// for ever. What the postmaster does not get goes to nobody: its sender says so.
  private func envelope(
    of message: DeliveryReport, for report: PendingReport, to audience: DeliveryReport.Audience
  ) async throws(RewriteError) -> Envelope {
    let envelope = Envelope(
      sender: audience.isSender ? .null : MailAddress(queue.settings.doubleBounceSender),
      recipients: [EnvelopeRecipient(message.recipient)],
      arrival: queue.clock.wallNow)
    do throws(RewriteError) {
      return try await queue.rewritten(envelope)
    } catch {
      let end = report.arrival + queue.settings.scheduler.lifetime
      guard error.isUnreasonable || end <= queue.clock.wallNow else { throw error }
      queue.log.line("bounce", severity: .warning) {
        $0.append(text: "warning: ")
        $0.append(queueID: report.record.id)
        $0.append(peerText: ": \(error): the report goes to <".utf8)
        $0.append(peerText: message.recipient.bytes)
        $0.append(text: "> itself")
      }
      return queue.completed(envelope)
    }
  }

  private func record(
    of report: DeliveryReport, _ envelope: Envelope, as id: QueueID
  ) -> PendingRecord {
    var flags: RecordFlags = []
    if report.hasEightBitHeader { flags.insert(.header8Bit) }
    if report.isEightBit { flags.insert(.body8Bit) }
    if report.needsSMTPUTF8 { flags.insert(.needsSMTPUTF8) }
    if report.hasNUL { flags.insert(.hasNUL) }
    if report.hasLongLine { flags.insert(.longLine) }
    if report.size != report.header.count + report.body.count {
      flags.formUnion([.hasStuffedLines, .scanForDots])
    }
    return PendingRecord(
      id: id, header: report.header, body: report.body, envelope: envelope, flags: flags,
      contentSize: UInt64(report.size))
  }

  private static func date(_ time: WallTime) -> [UInt8] {
    var text: [UInt8] = []
    MailDate.append(time, offset: .utc, to: &text)
    return text
  }

  /// The sender has been told, or shall not be: the recipients are done.
  private func settle(_ report: PendingReport) {
    let now = queue.clock.wallNow
    let record = report.record
    for (place, verdict) in report.verdicts.enumerated() {
      let isLast = report.endsMessage && place == report.verdicts.count - 1
      queue.journals.append(
        JournalEntry(
          .bounced(DeliveryAttempt(verdict)), id: record.id, offset: record.offset,
          recipient: verdict.index, endsMessage: isLast, time: now),
        to: record.segment)
    }
    for (agent, delivery) in report.heldResults {
      queue.journals.acknowledge(delivery, of: agent)
    }
    if report.kind == .delay, !queue.scheduler.isEnding(record.ref) {
      queue.journals.append(record.entry(.delayReported, time: now), to: record.segment)
    }
    if report.endsMessage { queue.whenRecorded(record) }
  }

  /// The sender could not be told. Recipients that failed are open again, and their next failure
  /// is reported; those that have the message stay done.
  private func putBack(_ report: PendingReport) {
    let record = report.record
    switch report.kind {
    case .failure: break
    case .success: return settle(report)
    case .delay: return queue.scheduler.delayReportFailed(record.ref)
    }
    let indices = Set(report.verdicts.map(\.index))
    if let message = queue.messages[record.ref] {
      message.failures += report.verdicts
      message.heldResults += report.heldResults
      return
    }
    if let left = queue.endedRecipients[record.ref]?.subtracting(indices) {
      queue.endedRecipients[record.ref] = left.isEmpty ? nil : left
    }
    // An order may have ended the message meanwhile: it is not brought back.
    if report.endsMessage || !queue.scheduler.isEnding(record.ref) {
      _ = queue.scheduler.putBack(
        record.ref, recipients: indices.count, now: Reactor.shared.now)
    }
    for (agent, delivery) in report.heldResults {
      queue.journals.acknowledge(delivery, of: agent)
    }
    queue.plan()
  }

  private func log(
    _ report: PendingReport, _ messageID: [UInt8], as id: QueueID,
    to audience: DeliveryReport.Audience
  ) {
    queue.log.line("cleanup") {
      $0.append(queueID: id)
      $0.append(text: ": message-id=")
      $0.append(peerText: messageID)
    }
    queue.log.line("bounce") {
      $0.append(queueID: report.record.id)
      $0.append(text: audience.isSender ? ": sender " : ": postmaster ")
      switch report.kind {
      case .failure: $0.append(text: "non-delivery notification: ")
      case .success: $0.append(text: "delivery status notification: ")
      case .delay: $0.append(text: "delay notification: ")
      }
      $0.append(queueID: id)
    }
  }
}

extension DeliveryReport.Audience {
  fileprivate var isSender: Bool { if case .sender = self { true } else { false } }
}

extension SegmentMark {
  /// What a writer of this process reached.
  init(_ progress: SegmentProgress) {
    self.init(
      fileName: progress.name.segmentFile, nonce: progress.name.nonce, end: progress.end,
      sealed: progress.isSealed)
  }
}
