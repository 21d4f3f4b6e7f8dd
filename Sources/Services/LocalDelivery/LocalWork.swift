import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import ServiceKit
import SystemPackage

/// The blocking part of one delivery to a user of this host: finds the mailbox, reads the record,
/// and writes the message, or says what a process of the user's has to do.
struct LocalWork: Sendable {
  enum Step: Sendable {
    case done(LocalVerdict)
    /// By a process that gets a copy of the record.
    case asUser(DeliverOrder, RecordLead)
  }

  let agent: LocalAgent
  let request: DeliveryRequest
  let recipient: DeliveryRecipient
  let segment: SharedDescriptor

  private var source: RecordSource { RecordSource(request: request, segment: segment) }

  func begin() throws(NoDelivery) -> Step {
    let lead = try source.lead()
    let (account, place) = try agent.place(of: recipient.address)
    if Identity.isRoot, account.uid == 0 { return .done(.superuser(account.name)) }
    if !agent.settings.command.isEmpty { return try command(lead, for: account) }
    switch place {
    case .maildir(let path):
      guard Identity.isRoot else { return .done(agent.write(message(lead), to: path, at: now)) }
      return order(lead, for: account, .maildir(path))
    case .file(let path):
      return order(
        lead, for: account,
        .mailbox(
          path, agent.settings.lock, isOwnedByUser: agent.settings.wantsOwnMailbox),
        style: .mailbox, extraGroup: try agent.mailboxGroup(for: account))
    }
  }

  private var now: WallTime { Clocks.wallNow() }

  private func message(_ lead: RecordLead) -> LocalMessage {
    LocalMessage(
      content: segment.raw, header: Int64(lead.header.offset)..<Int64(lead.header.end),
      body: Int64(lead.body.offset)..<Int64(lead.body.end), sender: request.sender,
      recipient: recipient.address, original: agent.original(of: recipient))
  }

  private func command(_ lead: RecordLead, for account: Account) throws(NoDelivery) -> Step {
    let user = CommandUser(name: account.name, home: account.home, shell: account.shell)
    let order = try agent.order(
      agent.settings.command, for: user, request, recipient, try source.envelope(lead))
    return self.order(lead, for: account, .command(order), style: .mailboxCommand)
  }

  private func order(
    _ lead: RecordLead, for account: Account, _ destination: DeliverOrder.Destination,
    style: CopyStyle = .maildir, extraGroup: UInt32? = nil
  ) -> Step {
    var order = DeliverOrder(
      account: account, destination: destination, headerLength: Int64(lead.header.length),
      bodyLength: Int64(lead.body.length), sender: request.sender, recipient: recipient.address,
      original: agent.original(of: recipient))
    order.style = style
    order.extraGroup = extraGroup
    return .asUser(order, lead)
  }
}

extension LocalVerdict {
  /// Postfix never delivers with the superuser's rights either.
  static func superuser(_ name: String) -> LocalVerdict {
    LocalVerdict(
      outcome: .deferred, status: EnhancedStatus(4, 2, 0),
      text: "cannot deliver as \(name): an alias must name another user")
  }
}
