import Configuration
import LinuxSystem
import LookupTables
import MailTypes
import Primitives
import Reactor
import ServiceKit

/// What a transport of this role does, read once: that of `master.cf`'s `local`, `virtual` or
/// `pipe`.
struct DeliveryProgram: Sendable {
  enum Kind: Sendable {
    case local(LocalAgent, AliasPrograms?, ProgramWork.Rights)
    case virtual(VirtualMailboxes, MailboxLock, isOwnedByUser: Bool)
    case pipe(PipeService, PipeSettings)
    /// Nothing is delivered for the reason that was logged.
    case broken
  }

  let kind: Kind
  /// The tag of log lines.
  let tag: [UInt8]
  /// Whether it is the end of a message's way.
  let deliversFinally: Bool
  let host: String
  /// `mailbox_size_limit` or `virtual_mailbox_limit`; 0 for none.
  let sizeMax: Int64
  /// `enable_original_recipient`.
  let keepsOriginals: Bool
  /// `command_time_limit`: how long a process may take that writes a mailbox.
  let timeLimit: Duration

  /// - Parameter warn: logs a sentence for the administrator.
  @ReactorActor
  init(
    transport: String, _ context: RoleContext, warn: (String) -> Void
  ) {
    let configuration = context.configuration(ofTransport: transport)
    let named = configuration[.processName]
    let program = named.isEmpty ? transport : named
    tag = Array(program.utf8)
    host = configuration[.myhostname]
    keepsOriginals = configuration[.enableOriginalRecipient]
    timeLimit = configuration[.commandTimeLimit]
    // Never by another's program: what this process does not know waits for one that does.
    guard context.knowsTransport(transport) else {
      warn("\(transport): this process knows no such transport: its mail is put off")
      sizeMax = 0
      deliversFinally = false
      kind = .broken
      return
    }
    switch program {
    case "virtual":
      sizeMax = configuration[.virtualMailboxLimit]
      deliversFinally = true
      do throws(LookupError) {
        kind = .virtual(
          // As in Postfix: an address must not become a path or a user id.
          try VirtualMailboxes(configuration, tables: .role(configuration, takesGroups: false)),
          MailboxLock(configuration[.virtualMailboxLock], configuration),
          isOwnedByUser: configuration[.strictMailboxOwnership])
      } catch {
        warn("\(transport): \(error): its mail stays in the queue")
        kind = .broken
      }
    case "pipe":
      sizeMax = 0
      do throws(PipeService.Flaw) {
        let service = try PipeService(context.arguments(ofTransport: transport))
        deliversFinally = service.deliversFinally
        kind = .pipe(service, PipeSettings(configuration, transport: transport))
      } catch {
        warn("\(transport): \(error): its mail stays in the queue")
        deliversFinally = false
        kind = .broken
      }
    default:
      sizeMax = configuration[.mailboxSizeLimit]
      deliversFinally = true
      kind = .local(
        LocalAgent(
          settings: LocalAgent.Settings(configuration),
          names: MaildirName(host: configuration[.myhostname], pid: ThisProcess.pid)),
        Self.aliasPrograms(configuration, warn: warn),
        ProgramWork.Rights(
          defaultUser: configuration[.defaultPrivs], mailOwner: configuration[.mailOwner]))
    }
  }

  /// What finds the commands and files of aliases; `nil` when the tables cannot be opened. Mail for
  /// users does not wait for them, since it was expanded before.
  @ReactorActor
  private static func aliasPrograms(
    _ configuration: Configuration, warn: (String) -> Void
  ) -> AliasPrograms? {
    do throws(LookupError) {
      return try AliasPrograms(
        configuration, opener: .role(configuration, takesGroups: false))
    } catch {
      // The tables that nobody configured may be missing.
      if configuration.location(of: "alias_maps") != nil {
        warn("alias_maps: \(error): mail for the commands and files of aliases is put off")
      }
      return nil
    }
  }

  /// How recipients of a request share deliveries: a command may have them all at once, unless what
  /// is written before the message names one.
  func groups(of recipients: [DeliveryRecipient]) -> [[DeliveryRecipient]] {
    if case .pipe(let service, _) = kind,
      service.style.isDisjoint(with: [.deliveredTo, .originalTo])
    {
      return Self.groups(of: recipients, sizeMax: Self.groupSizeMax)
    }
    return recipients.map { [$0] }
  }

  /// Bytes of addresses that one command gets: each may stand in several of its arguments, and the
  /// order for it has to fit into a packet.
  private static let groupSizeMax = 4 << 10

  static func groups(
    of recipients: [DeliveryRecipient], sizeMax: Int
  ) -> [[DeliveryRecipient]] {
    var groups: [[DeliveryRecipient]] = []
    var size = 0
    for recipient in recipients {
      let own = recipient.address.bytes.count + recipient.original.count
      if groups.isEmpty || size + own > sizeMax {
        groups.append([])
        size = 0
      }
      groups[groups.count - 1].append(recipient)
      size += own
    }
    return groups
  }
}

extension MailboxLock {
  init(_ ways: [String], _ configuration: Configuration) {
    self.init(Ways(ways))
    attempts = configuration[.deliverLockAttempts]
    pause = configuration[.deliverLockDelay].milliseconds
    staleAge = configuration[.staleLockTime].components.seconds
  }
}

extension LocalAgent.Settings {
  init(_ configuration: Configuration) {
    self.init()
    homeMailbox = configuration[.homeMailbox]
    mailSpoolDirectory = configuration[.mailSpoolDirectory]
    recipientDelimiters = Array(configuration[.recipientDelimiter].utf8)
    mailboxSizeMax = configuration[.mailboxSizeLimit]
    keepsOriginals = configuration[.enableOriginalRecipient]
    command = configuration[.mailboxCommand]
    lock = MailboxLock(configuration[.mailboxDeliveryLock], configuration)
    wantsOwnMailbox = configuration[.strictMailboxOwnership]
    commandTimeLimit = configuration[.commandTimeLimit].milliseconds
    expansionFilter = Set(configuration[.commandExpansionFilter].utf8)
    commandDirectory = MacroTemplate(configuration[.commandExecutionDirectory])
    directoryFilter = Set(configuration[.executionDirectoryExpansionFilter].utf8)
    commandShell = configuration[.localCommandShell].split(whereSeparator: \.isWhitespace)
      .map(String.init)
    queueDirectory = configuration[.queueDirectory]
    configurationDirectory = configuration[.configDirectory]
  }
}

extension PipeSettings {
  init(_ configuration: Configuration, transport: String) {
    self.init()
    delimiters = configuration[.recipientDelimiter]
    keepsOriginals = configuration[.enableOriginalRecipient]
    mailOwner = configuration[.mailOwner]
    queueDirectory = configuration[.queueDirectory]
    configurationDirectory = configuration[.configDirectory]
    timeLimit = configuration.transport(transport, .timeLimit).milliseconds
  }
}

extension Duration {
  fileprivate var milliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }
}
