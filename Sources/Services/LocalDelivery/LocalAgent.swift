package import Configuration
import LinuxSystem
package import MailTypes
import MessageHeaders
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
  /// What is done to the text on its way.
  package var style: CopyStyle
  /// What ends a line.
  package var lineEnd: [UInt8]

  /// Names the parts of a message.
  package init(
    content: Int32, header: Range<Int64>, body: Range<Int64>, sender: MailAddress,
    recipient: MailAddress, original: [UInt8], style: CopyStyle = .maildir,
    lineEnd: [UInt8] = [ASCII.lf]
  ) {
    self.content = content
    self.header = header
    self.body = body
    self.sender = sender
    self.recipient = recipient
    self.original = original
    self.style = style
    self.lineEnd = lineEnd
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
    /// `mailbox_command`; empty for none.
    package var command = ""
    /// `mailbox_delivery_lock`.
    package var lock = MailboxLock([.fcntl, .dotlock])
    /// `strict_mailbox_ownership`.
    package var wantsOwnMailbox = true
    /// `command_time_limit` in milliseconds.
    package var commandTimeLimit: Int64 = 1_000_000
    /// The bytes that a command's environment may have (`command_expansion_filter`).
    package var expansionFilter: Set<UInt8> = []
    /// `queue_directory`, in which commands run unless `commandDirectory` names another.
    package var queueDirectory = ""
    /// `command_execution_directory`.
    package var commandDirectory = MacroTemplate("")
    /// The bytes that values in `commandDirectory` may have
    /// (`execution_directory_expansion_filter`).
    package var directoryFilter: Set<UInt8> = []
    /// The words of `local_command_shell`; empty for none.
    package var commandShell: [String] = []
    /// `config_directory`, of which commands are told.
    package var configurationDirectory = ""

    /// Postfix's defaults.
    package init() {}
  }

  let settings: Settings
  private let names: MaildirName

  /// Works by the settings and names files by `names`.
  package init(settings: Settings, names: MaildirName) {
    self.settings = settings
    self.names = names
  }

  /// Finds the account and the mailbox of a recipient.
  func place(
    of recipient: MailAddress
  ) throws(NoDelivery) -> (account: Account, place: MailboxPlace) {
    let user = LocalRecipient(recipient, delimiters: settings.recipientDelimiters).user
    let found: Account?
    do throws(Errno) {
      found = try Self.isAccountName(user) ? Identity.account(named: user) : nil
    } catch {
      throw NoDelivery(verdict: .accountsUnavailable(error))
    }
    guard let account = found else { throw NoDelivery(verdict: .unknownUser(user)) }
    let place = MailboxPlace(
      user: account.name, home: account.home, homeMailbox: settings.homeMailbox,
      mailSpoolDirectory: settings.mailSpoolDirectory)
    return (account, place)
  }

  /// The group that a user needs to make mailboxes and lock files in `mail_spool_directory`; `nil`
  /// where the user's own rights do, or no mailbox lies there.
  func mailboxGroup(for account: Account) throws(NoDelivery) -> UInt32? {
    guard settings.homeMailbox.isEmpty, Identity.isRoot else { return nil }
    let path = settings.mailSpoolDirectory
    do throws(Errno) {
      let status = try Files.status(path, follow: true)
      let mode = status.permissions
      if mode & 0o002 != 0 || status.uid == account.uid
        || mode & 0o020 != 0 && status.gid == account.gid
      {
        return nil
      }
      // The superuser's group opens more than a folder of mailboxes.
      if mode & 0o020 != 0, status.gid != 0 { return status.gid }
    } catch {
      throw NoDelivery(
        verdict: LocalVerdict(
          MailboxError(step: "mail_spool_directory \(path)", cause: error), prefix: "",
          isVirtual: true))
    }
    throw NoDelivery(verdict: .spoolIsClosed(path))
  }

  /// The address for `X-Original-To:`; empty where none is wanted.
  func original(of recipient: DeliveryRecipient) -> [UInt8] {
    guard settings.keepsOriginals else { return [] }
    return recipient.original.isEmpty ? recipient.address.bytes : recipient.original
  }

  /// Writes a message into a Maildir with the rights of this process.
  package func write(
    _ message: LocalMessage, to path: String, at time: WallTime, isVirtual: Bool = false
  ) -> LocalVerdict {
    deliver(message, success: .deliveredToMaildir) { (header, reader) throws(MailboxError) in
      try Maildir(path: path, names: names).deliver(
        at: time, sizeMax: settings.mailboxSizeMax
      ) { writer in
        reader.copy(header: header, at: time, to: &writer)
      }
    } failure: {
      LocalVerdict($0, isVirtual: isVirtual)
    }
  }

  /// Appends a message to a mailbox file with the rights of this process; blocks until others give
  /// their locks back.
  package func append(
    _ message: LocalMessage, to mailbox: MailboxFile, at time: WallTime,
    success: LocalVerdict = .deliveredToMailbox, failure prefix: String, isVirtual: Bool
  ) -> LocalVerdict {
    deliver(message, success: success) { (header, reader) throws(MailboxError) in
      try mailbox.append(sizeMax: settings.mailboxSizeMax) { writer in
        reader.copy(header: header, at: time, to: &writer)
      }
    } failure: {
      LocalVerdict($0, prefix: prefix, isVirtual: isVirtual)
    }
  }

  /// Gives a message to a command with the rights of this process, and blocks until it has ended,
  /// or until who waits for it at the other end of a socket has gone.
  func run(
    _ command: CommandOrder, with message: LocalMessage, at time: WallTime, for waiter: Int32
  ) -> LocalVerdict {
    var end: LocalVerdict?
    let failed = deliver(message, success: nil) { (header, reader) throws(MailboxError) in
      end = try CommandRun(order: command, waiter: waiter).verdict {
        (writer) throws(MailboxError) in reader.copy(header: header, at: time, to: &writer)
      }
      return end != nil
    } failure: {
      LocalVerdict($0, prefix: "")
    }
    if let end { return end }
    var verdict = failed
    // A command that got a part of the message leaves nothing behind.
    verdict.endsSession = true
    return verdict
  }

  /// Does what all deliveries have in common: the header is read and says whether the message has
  /// been here before.
  private func deliver(
    _ message: LocalMessage, success: LocalVerdict?,
    _ write: ([UInt8], inout LocalReader) throws(MailboxError) -> Bool,
    failure: (MailboxError) -> LocalVerdict
  ) -> LocalVerdict {
    var reader = LocalReader(message)
    guard let header = reader.read(message.header) else { return reader.verdict }
    if message.style.contains(.deliveredTo) {
      let isLoop = header.withUnsafeBytes {
        DeliveredTo.names(message.recipient, in: $0)
      }
      if isLoop { return .loop(for: message.recipient) }
    }
    do throws(MailboxError) {
      let whole = try write(header, &reader)
      return whole ? success ?? reader.verdict : reader.verdict
    } catch {
      return failure(error)
    }
  }

  /// Names that cannot be an account's are not asked for, nor ever part of a path.
  private static func isAccountName(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".") && !name.utf8.contains { $0 == 0x2f || $0 < 0x20 }
  }
}
