/// Where the mail of a user goes.
package enum MailboxPlace: Hashable, Sendable {
  /// A Maildir at an absolute path, without a slash at its end.
  case maildir(String)
  /// A file that holds all messages: its path.
  case file(String)

  /// Follows `home_mailbox`, relative to the user's home, or else `mail_spool_directory`; in both a
  /// slash at the end means a Maildir.
  package init(user: String, home: String, homeMailbox: String, mailSpoolDirectory: String) {
    let relative = !homeMailbox.isEmpty
    let setting = relative ? homeMailbox : mailSpoolDirectory
    let base = Self.withoutSlashes(setting)
    let path = relative ? "\(Self.withoutSlashes(home))/\(base)" : "\(base)/\(user)"
    self = setting.hasSuffix("/") ? .maildir(path) : .file(path)
  }

  /// A path, of which a slash at the end makes a Maildir.
  init(path: String) {
    self = path.hasSuffix("/") ? .maildir(Self.withoutSlashes(path)) : .file(path)
  }

  private static func withoutSlashes(_ path: String) -> String {
    var path = Substring(path)
    while path.hasSuffix("/") { path.removeLast() }
    return String(path)
  }
}
