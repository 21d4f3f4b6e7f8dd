package import MailTypes
package import SystemPackage

/// What became of a message for one local recipient, in Postfix's words.
package struct LocalVerdict: Equatable, Sendable {
  /// The three fates of an attempt.
  package enum Outcome: Sendable { case sent, deferred, bounced }

  /// Sent, deferred or bounced.
  package let outcome: Outcome
  /// The enhanced status code.
  package let status: EnhancedStatus
  /// What stands in parentheses in the log.
  package let text: String
  /// Whether all that the process has started is to end with it. Its parent sees to that too, since
  /// it ends the process as soon as it has the verdict.
  var endsSession = false

  /// The message lies in the user's Maildir.
  package static let deliveredToMaildir = LocalVerdict(
    outcome: .sent, status: EnhancedStatus(2, 0, 0), text: "delivered to maildir")

  /// There is no such account.
  package static func unknownUser(_ name: String) -> LocalVerdict {
    LocalVerdict(
      outcome: .bounced, status: EnhancedStatus(5, 1, 1), text: "unknown user: \"\(name)\"")
  }

  /// The message has been delivered to this address before.
  package static func loop(for recipient: MailAddress) -> LocalVerdict {
    LocalVerdict(
      outcome: .bounced, status: EnhancedStatus(5, 4, 6),
      text: "mail forwarding loop for \(recipient)")
  }

  /// The message lies in a file of many.
  package static let deliveredToMailbox = LocalVerdict(
    outcome: .sent, status: EnhancedStatus(2, 0, 0), text: "delivered to mailbox")

  /// The message lies in the file that an alias names.
  static func deliveredToFile(_ path: String) -> LocalVerdict {
    LocalVerdict(
      outcome: .sent, status: EnhancedStatus(2, 0, 0), text: "delivered to file: \(path)")
  }

  /// The configuration does not say enough, or something wrong; a warning in the log tells what.
  package static let misconfigured = LocalVerdict(
    outcome: .deferred, status: EnhancedStatus(4, 3, 5), text: "mail system configuration error")

  /// Only the superuser can make mailboxes in the folder.
  static func spoolIsClosed(_ path: String) -> LocalVerdict {
    LocalVerdict(
      outcome: .deferred, status: EnhancedStatus(4, 3, 5),
      text: "mail_spool_directory \(path) is not writable for its group: chgrp mail, chmod 2775")
  }

  /// The account data base could not be asked.
  package static func accountsUnavailable(_ error: Errno) -> LocalVerdict {
    LocalVerdict(
      outcome: .deferred, status: EnhancedStatus(4, 3, 0),
      text: "user lookup error: \(error.description)")
  }

  /// The content could not be read from the spool; another attempt may.
  package static func unreadable(_ reason: String) -> LocalVerdict {
    LocalVerdict(
      outcome: .deferred, status: EnhancedStatus(4, 3, 0), text: "queue file read error: \(reason)")
  }

  /// A step of a delivery failed. A full quota and a wrong set-up are the recipient's, and
  /// permanent; a full or failing disk is this host's, and passes.
  ///
  /// - Parameters:
  ///   - prefix: what the step was a part of.
  ///   - isVirtual: whether the administrator made the mailbox: a wrong set-up is mended then.
  package init(
    _ failure: MailboxError, prefix: String = "maildir delivery failed: ", isVirtual: Bool = false
  ) {
    let permanent: Bool
    switch failure.cause {
    case .diskQuotaExceeded, .fileTooLarge:
      status = EnhancedStatus(5, 2, 2)
      permanent = true
    case .permissionDenied, .notPermitted, .notDirectory, .noSuchFileOrDirectory, .isDirectory,
      .tooManySymbolicLinkLevels, .fileNameTooLong:
      status = EnhancedStatus(isVirtual ? 4 : 5, 2, 0)
      permanent = !isVirtual
    case nil where failure == .isExecutable:
      status = EnhancedStatus(5, 7, 1)
      permanent = true
    case nil, .fileExists, .resourceTemporarilyUnavailable:
      status = EnhancedStatus(4, 2, 0)
      permanent = false
    default:
      status = EnhancedStatus(4, 3, 0)
      permanent = false
    }
    outcome = permanent ? .bounced : .deferred
    text = prefix + failure.text
  }

  init(outcome: Outcome, status: EnhancedStatus, text: String) {
    self.outcome = outcome
    self.status = status
    self.text = text
  }
}
