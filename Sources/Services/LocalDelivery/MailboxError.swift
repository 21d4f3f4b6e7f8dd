package import SystemPackage

/// A step of a delivery into a mailbox that failed.
package struct MailboxError: Error, Equatable {
  /// What was tried, with the path; the whole reason where no call failed.
  package let step: String
  /// Why it failed; `nil` where no call did.
  package let cause: Errno?

  /// A file that somebody runs: a message in it could be a command.
  static let isExecutable = MailboxError(step: "file is executable", cause: nil)

  /// Says what was tried and why it failed.
  package init(step: String, cause: Errno?) {
    self.step = step
    self.cause = cause
  }

  /// The reason as it stands in the log.
  package var text: String { cause.map { "\(step): \($0.description)" } ?? step }
}
