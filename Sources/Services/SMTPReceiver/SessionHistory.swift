import Configuration
import MailTypes
import Primitives
import SMTPGrammar
import SMTPServerCore
import ServiceKit

/// Which notices about sessions the postmaster gets, and where (`notify_classes`).
struct SessionNotices: Sendable {
  /// The classes that sessions can have.
  private static let ofSessions: NoticeClasses = [
    .bounce, .data, .policy, .protocol, .resource, .software,
  ]
  /// Those that come about only where this host has trouble, of which a line tells enough: for
  /// them alone nothing is written down of sessions that go well.
  static let ofThisHost: NoticeClasses = [.resource, .software]

  let classes: NoticeClasses
  /// `bounce_notice_recipient`.
  let bounceRecipient: MailAddress
  /// `error_notice_recipient`.
  let errorRecipient: MailAddress
  /// `double_bounce_sender` at `myhostname`: what cannot be delivered goes to nobody.
  let sender: MailAddress
  /// `smtpd_history_flush_threshold`: lines after which a transcript begins anew with the next
  /// message.
  let linesMax: Int

  /// `nil` where the postmaster hears of no session.
  init?(_ configuration: Configuration) {
    classes = configuration.noticeClasses.intersection(Self.ofSessions)
    if classes.isEmpty { return nil }
    bounceRecipient = MailAddress(configuration[.bounceNoticeRecipient])
    errorRecipient = MailAddress(configuration[.errorNoticeRecipient])
    sender = MailAddress(
      "\(configuration[.doubleBounceSender])@\(configuration[.myhostname])")
    linesMax = configuration[.smtpdHistoryFlushThreshold]
  }

  /// Whether all that is said has to be written down.
  var keepTranscripts: Bool { !classes.subtracting(Self.ofThisHost).isEmpty }
}

extension NoticeClasses {
  /// What a line of a reply tells of trouble: nothing, unless it refuses something.
  init(ofReply line: ArraySlice<UInt8>) {
    guard line.first == UInt8(ascii: "4") || line.first == UInt8(ascii: "5") else {
      self = []
      return
    }
    let text = String(decoding: line, as: UTF8.self)
    let behind = text.dropFirst(4)
    if text.hasPrefix("421 4.4.2") || text.hasPrefix("421 4.3.2") {
      // That a client is slow, or this host stops, is nobody's fault.
      self = []
    } else if behind.hasPrefix("5.1.1 ") || behind.hasPrefix("4.1.1 ")
      || behind.hasPrefix("5.1.0 ") || behind.hasPrefix("5.3.4 Error") || behind.hasPrefix("5.4.0 ")
    {
      self = .bounce
    } else if text.hasPrefix("452 4.3.1 ") || text == SMTPReply.writeError.logText {
      self = .resource
    } else if text.hasPrefix("451 4.3.") || text.hasPrefix("421 4.3.") {
      self = .data
    } else if behind.hasPrefix("5.7.") || behind.hasPrefix("4.7.") || text.contains(" rejected: ") {
      self = .policy
    } else {
      self = .protocol
    }
  }
}

/// What was said in a session, for a notice to the postmaster; bounded.
struct SessionHistory: Sendable {
  /// Bytes of a transcript; what comes then is counted, not kept.
  private static let sizeMax = 16 << 10
  /// Bytes of a line; the rest is cut off.
  private static let lineLengthMax = 512

  /// The lines so far, which end in LF.
  private var text: [UInt8] = []
  private var lineCount = 0
  private var leftOut = 0
  /// What went wrong since a message was taken last.
  private(set) var errors: NoticeClasses = []

  /// Takes a line of the client's. What may be a password is left out.
  mutating func received(_ line: UnsafeRawBufferPointer, mayBeSecret: Bool) {
    append(" In:  ") {
      LoggedInput.append(
        line, limit: Self.lineLengthMax, followsAuthentication: mayBeSecret, to: &$0)
    }
  }

  /// Takes complete replies in wire form.
  mutating func sent(_ replies: ArraySlice<UInt8>, linesMax: Int) {
    for line in replies.split(separator: ASCII.lf) {
      let bare = line.last == ASCII.cr ? line.dropLast() : line
      append(" Out: ") { $0.append(peerText: bare.prefix(Self.lineLengthMax)) }
      errors.formUnion(NoticeClasses(ofReply: bare))
      // A message that was taken makes up for what went wrong before it.
      if Self.isQueued(bare) {
        let isLong = lineCount > linesMax || leftOut > 0
        if isLong { self = SessionHistory() }
        errors = []
      }
    }
  }

  /// Whether a reply says that a message was taken: by DATA, or by BDAT, which tells its size.
  private static func isQueued(_ line: ArraySlice<UInt8>) -> Bool {
    let start = "250 2.0.0 Ok: ", size = " bytes "
    guard line.starts(with: start.utf8) else { return false }
    var rest = line.dropFirst(start.utf8.count)
    let afterDigits = rest.drop(while: ASCII.isDigit)
    if afterDigits.count < rest.count {
      guard afterDigits.starts(with: size.utf8) else { return false }
      rest = afterDigits.dropFirst(size.utf8.count)
    }
    return rest.starts(with: "queued as ".utf8)
  }

  /// The transcript.
  var transcript: [UInt8] {
    leftOut == 0 ? text : text + Array(" (\(leftOut) more lines are left out)\n".utf8)
  }

  private mutating func append(_ direction: StaticString, _ content: (inout [UInt8]) -> Void) {
    guard text.count < Self.sizeMax else {
      leftOut += 1
      return
    }
    text.append(text: direction)
    content(&text)
    text.append(ASCII.lf)
    lineCount += 1
  }
}
