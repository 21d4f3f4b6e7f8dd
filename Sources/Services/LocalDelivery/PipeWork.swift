import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import ServiceKit
import SystemPackage

/// What of the configuration concerns the command of a pipe service.
struct PipeSettings: Sendable {
  var delimiters = ""
  /// `enable_original_recipient`.
  var keepsOriginals = true
  /// `mail_owner`, as whom no command runs.
  var mailOwner = ""
  /// `queue_directory`, in which a command runs that names no other.
  var queueDirectory = ""
  /// `config_directory`.
  var configurationDirectory = ""
  /// `<transport>_time_limit` in milliseconds.
  var timeLimit: Int64 = 1_000_000
}

/// The blocking part of one delivery by a pipe service: makes the arguments with which a process of
/// the account's will run the command.
struct PipeWork: Sendable {
  let service: PipeService
  let settings: PipeSettings
  let request: DeliveryRequest
  /// For whom the command runs once.
  let recipients: [DeliveryRecipient]
  let segment: SharedDescriptor

  func begin() throws(NoDelivery) -> LocalWork.Step {
    let source = RecordSource(request: request, segment: segment)
    let lead = try source.lead()
    // A command would take such an address for an option. The door and the router let none in.
    // Arguments are text: another address must not become this one's.
    guard !shown.contains(where: { $0.beginsWithMinus || !$0.isUTF8 }) else {
      return .done(.failed(EnhancedStatus(5, 1, 3), "bad address syntax"))
    }
    if service.sizeMax > 0, lead.contentSize > service.sizeMax {
      return .done(.failed(EnhancedStatus(5, 2, 3), "message too large"))
    }
    let account = try account()
    let command = try command(size: lead.contentSize, envelope: try source.envelope(lead))
    guard let first = recipients.first else { return .done(.misconfigured) }
    var order = DeliverOrder(
      account: account, destination: .command(command),
      headerLength: Int64(lead.header.length), bodyLength: Int64(lead.body.length),
      sender: request.sender.isNull ? MailAddress(service.nullSender) : request.sender,
      recipient: first.address, original: original(of: first))
    order.style = service.style
    order.lineEnd = service.lineEnd
    return .asUser(order, lead)
  }

  private func original(of recipient: DeliveryRecipient) -> [UInt8] {
    guard settings.keepsOriginals else { return [] }
    return recipient.original.isEmpty ? recipient.address.bytes : recipient.original
  }

  /// The addresses that arguments may name.
  private var shown: [MailAddress] {
    [request.sender]
      + recipients.flatMap { [$0.address, MailAddress($0.original)] }
  }

  private func command(size: UInt64, envelope: Envelope) throws(NoDelivery) -> CommandOrder {
    var macros = PipeArguments(
      sender: request.sender, nullSender: service.nullSender, nextHop: request.nextHop,
      queueID: "\(request.queueID)", size: size,
      recipients: recipients.map {
        PipeArguments.Recipient(
          address: $0.address,
          original: $0.original.isEmpty ? $0.address : MailAddress($0.original))
      }, spelling: service.spelling, delimiters: settings.delimiters)
    macros.take(envelope)
    let arguments: [String]
    do throws(PipeService.Flaw) {
      arguments = try macros.expand(service.arguments)
    } catch {
      throw NoDelivery(verdict: .misconfigured, warning: "\(request.transport): \(error)")
    }
    return CommandOrder(
      .arguments(arguments),
      environment: CommandEnvironment.base(
        configurationDirectory: settings.configurationDirectory),
      directory: service.directory.isEmpty ? settings.queueDirectory : service.directory,
      timeLimit: settings.timeLimit, program: "pipe",
      success: "delivered via \(request.transport) service", tellsOutput: true)
  }

  /// Who runs the command: never the superuser, nor the owner of the queue.
  private func account() throws(NoDelivery) -> Account {
    func flaw(_ text: String) -> NoDelivery {
      NoDelivery(verdict: .misconfigured, warning: "\(request.transport): user=: \(text)")
    }
    let found: Account?
    var group: UInt32?
    do throws(Errno) {
      found = try Identity.account(named: service.user)
      if !service.group.isEmpty { group = try Identity.group(named: service.group) }
    } catch {
      throw NoDelivery(verdict: .accountsUnavailable(error))
    }
    guard let found else { throw flaw("there is no account \(service.user)") }
    guard service.group.isEmpty || group != nil else {
      throw flaw("there is no group \(service.group)")
    }
    let account = Account(
      name: found.name, uid: found.uid, gid: group ?? found.gid, home: found.home,
      shell: found.shell)
    if let text = try CommandRights.flaw(of: account, mailOwner: settings.mailOwner) {
      throw flaw(text)
    }
    return account
  }
}

extension PipeArguments {
  /// Takes what an envelope tells of where the message came from.
  fileprivate mutating func take(_ envelope: Envelope) {
    let client = envelope.client
    common["client_address"] = client.address
    common["client_helo"] = client.helo
    common["client_hostname"] = client.name
    common["client_port"] = client.port == 0 ? [] : Array("\(client.port)".utf8)
    common["client_protocol"] = client.protocolName
    common["sasl_method"] = envelope.sasl?.method ?? []
    common["sasl_sender"] = envelope.sasl?.sender ?? []
    common["sasl_username"] = envelope.sasl?.user ?? []
  }
}

extension MailAddress {
  fileprivate var isUTF8: Bool { String(validating: bytes, as: UTF8.self) != nil }
}
