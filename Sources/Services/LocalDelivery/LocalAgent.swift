package import LinuxSystem
package import MailTypes
package import Primitives
import ServiceKit
import SystemPackage

/// One message for one recipient, as the local agent gets it.
package struct LocalMessage: Sendable {
  /// A descriptor of the file that holds the content; the caller's to close.
  package var content: Int32
  /// Where the header lies in it, the empty line included.
  package var header: Range<Int64>
  /// Where the body lies in it, without the terminator.
  package var body: Range<Int64>
  /// The envelope sender.
  package var sender: MailAddress
  /// Whose mailbox it goes to.
  package var recipient: MailAddress
  /// The address before rewriting; empty where it is not kept (`enable_original_recipient`).
  package var original: [UInt8]

  /// Names the parts of a message.
  package init(
    content: Int32, header: Range<Int64>, body: Range<Int64>, sender: MailAddress,
    recipient: MailAddress, original: [UInt8]
  ) {
    self.content = content
    self.header = header
    self.body = body
    self.sender = sender
    self.recipient = recipient
    self.original = original
  }
}

/// Brings messages to the Maildirs of this host's users.
///
/// Its calls block: they run on a helper thread or in a process of their own. `place` asks the name
/// services; `write` touches the user's files and runs with the user's rights.
package struct LocalAgent: Sendable {
  /// What an administrator sets.
  package struct Settings: Sendable {
    /// `home_mailbox`.
    package var homeMailbox = ""
    /// `mail_spool_directory`.
    package var mailSpoolDirectory = "/var/mail"
    /// The bytes of `recipient_delimiter`.
    package var recipientDelimiters: [UInt8] = []
    /// `mailbox_size_limit` in bytes; 0 for no limit.
    package var mailboxSizeMax: Int64 = 51_200_000
    /// `enable_original_recipient`.
    package var keepsOriginals = true

    /// Postfix's defaults.
    package init() {}
  }

  /// Where a recipient's mail goes.
  package enum Place: Equatable, Sendable {
    /// Into this Maildir of this account.
    case maildir(String, Account)
    /// Nowhere, and why.
    case none(LocalVerdict)
  }

  private let settings: Settings
  private let names: MaildirName

  /// Works by the settings and names files by `names`.
  package init(settings: Settings, names: MaildirName) {
    self.settings = settings
    self.names = names
  }

  /// Finds the account and the mailbox of a recipient.
  package func place(of recipient: MailAddress) -> Place {
    let user = LocalRecipient(recipient, delimiters: settings.recipientDelimiters).user
    let found: Account?
    do throws(Errno) {
      found = try Self.isAccountName(user) ? Identity.account(named: user) : nil
    } catch {
      return .none(.accountsUnavailable(error))
    }
    guard let account = found else { return .none(.unknownUser(user)) }
    let place = MailboxPlace(
      user: account.name, home: account.home, homeMailbox: settings.homeMailbox,
      mailSpoolDirectory: settings.mailSpoolDirectory)
    switch place {
    case .maildir(let path): return .maildir(path, account)
    case .file(let path): return .none(.notMaildir(path))
    }
  }

  /// The address for `X-Original-To:`; empty where none is wanted.
  func original(of recipient: DeliveryRecipient) -> [UInt8] {
    guard settings.keepsOriginals else { return [] }
    return recipient.original.isEmpty ? recipient.address.bytes : recipient.original
  }

  /// Writes a message into a Maildir with the rights of this process.
  package func write(_ message: LocalMessage, to path: String, at time: WallTime) -> LocalVerdict {
    var reader = LocalReader(message)
    guard let header = reader.read(message.header) else { return reader.verdict }
    let isLoop = header.withUnsafeBytes {
      DeliveryFields.isLoop(header: $0, recipient: message.recipient)
    }
    if isLoop { return .loop(for: message.recipient) }
    do throws(MaildirError) {
      let whole = try Maildir(path: path, names: names).deliver(
        at: time, sizeMax: settings.mailboxSizeMax
      ) { writer in
        reader.copy(header: header, to: &writer)
      }
      return whole ? .deliveredToMaildir : reader.verdict
    } catch {
      return LocalVerdict(error)
    }
  }

  /// Names that cannot be an account's are not asked for, nor ever part of a path.
  private static func isAccountName(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".") && !name.utf8.contains { $0 == 0x2f || $0 < 0x20 }
  }
}
