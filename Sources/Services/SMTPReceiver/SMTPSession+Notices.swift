import AddressRewriting
import Configuration
import DeliveryReports
import LinuxSystem
import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPServerCore
import ServiceKit

/// Notices to the postmaster about the session: one at most, when it is over.
extension SMTPSession {
  /// Writes down the replies that are not yet in the transcript.
  @inline(never)
  func recordReplies() {
    guard history != nil, recordedBytes < out.count, let notices = rules.notices else { return }
    history?.sent(out[recordedBytes...], linesMax: notices.linesMax)
    recordedBytes = out.count
  }

  /// Notes a refusal of which the postmaster may have to hear where nothing is written down.
  @inline(never)
  func noteTrouble(_ reply: SMTPReply) {
    guard history == nil, let notices = rules.notices else { return }
    var line: [UInt8] = []
    reply.append(to: &line)
    guard !notices.classes.isDisjoint(with: NoticeClasses(ofReply: line.dropLast(2))),
      intake.mayTellOfItself()
    else { return }
    var brief = SessionHistory()
    core.lastCommand.withUTF8Buffer {
      brief.received(UnsafeRawBufferPointer($0), mayBeSecret: false)
    }
    brief.sent(line[...], linesMax: notices.linesMax)
    troubles = brief
  }

  /// Tells the postmaster what went wrong, if it is to hear; `reason` says why the session was cut
  /// off. What cannot be written is only logged.
  func tellPostmaster(_ reason: String?) async {
    guard let notices = rules.notices, let history = history ?? troubles else { return }
    var told = history.errors.intersection(notices.classes)
    let isOwnFault = !told.isDisjoint(with: SessionNotices.ofThisHost)
    if isOwnFault, troubles == nil, !intake.mayTellOfItself() {
      told.subtract(SessionNotices.ofThisHost)
    }
    guard !told.isEmpty, !intake.spool.isRefusing, !intake.spool.isStalled else { return }
    let recipient =
      told.contains(.bounce) ? notices.bounceRecipient : notices.errorRecipient
    let now = Clocks.wallNow()
    let id = intake.spool.makeQueueID(now: now)
    var date: [UInt8] = []
    MailDate.append(now, offset: intake.clock.offset(at: now), to: &date)
    let notice = PostmasterNotice(
      to: rules.rewriting.completed(recipient),
      subject: "\(rules.mailName) SMTP server: errors from \(client.logName)",
      transcript: history.transcript, reason: reason, as: id, date: date,
      by: DeliveryReport.Reporter(
        hostname: rules.settings.myhostname, mailName: rules.mailName))
    var envelope = Envelope(
      sender: notices.sender, recipients: [EnvelopeRecipient(recipient)], arrival: now)
    defer { pin(-pinned) }
    if await rewrite(&envelope, id, redirectingTo: nil) != nil { return }
    var flags: RecordFlags = []
    if notice.hasEightBitHeader { flags.formUnion([.header8Bit, .needsSMTPUTF8]) }
    if notice.isEightBit { flags.insert(.body8Bit) }
    if notice.hasStuffedLines { flags.formUnion([.hasStuffedLines, .scanForDots]) }
    logMessageID(id, notice.messageID[...])
    do throws(SpoolError) {
      try await intake.spool.commit(
        PendingRecord(
          id: id, header: notice.header, body: notice.body, envelope: envelope, flags: flags,
          contentSize: UInt64(notice.size)))
    } catch {
      log("warning: postmaster notify: \(error)")
    }
  }
}
