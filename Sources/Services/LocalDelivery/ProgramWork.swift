import AddressRewriting
import LinuxSystem
import MailTypes
import Primitives
import ServiceKit
import SystemPackage

/// The blocking part of one delivery to a command or a file that an alias names: makes the order
/// that a process with the rights of who named it will deliver.
struct ProgramWork: Sendable {
  /// What of the configuration concerns rights.
  struct Rights: Sendable {
    /// `default_privs`.
    var defaultUser = "nobody"
    /// `mail_owner`, as whom nothing is delivered.
    var mailOwner = ""
  }

  let agent: LocalAgent
  let programs: AliasPrograms
  let rights: Rights
  /// The alias as the tables have it now.
  let entry: AliasTables.Entry?
  let request: DeliveryRequest
  /// The alias.
  let recipient: DeliveryRecipient
  let place: AliasProgramPlace
  let segment: SharedDescriptor

  func begin() throws(NoDelivery) -> LocalWork.Step {
    let source = RecordSource(request: request, segment: segment)
    let lead = try source.lead()
    let program = try programs.program(of: recipient.address, place, in: entry)
    let account = try account(for: program)
    let destination: DeliverOrder.Destination
    let style: CopyStyle
    if program.isCommand {
      // Who has no account but `default_privs` has no home.
      let isOwn = program.owner != 0
      let user = LocalRecipient(
        recipient.address, delimiters: agent.settings.recipientDelimiters
      ).user
      let order = try agent.order(
        String(program.text.dropFirst()),
        for: CommandUser(
          name: user, home: isOwn ? account.home : "", shell: isOwn ? account.shell : ""),
        request, recipient, try source.envelope(lead))
      destination = .command(order)
      style = .mailboxCommand
    } else {
      destination = .file(program.text, agent.settings.lock)
      style = program.text.hasSuffix("/") ? .maildir : .mailbox
    }
    var order = DeliverOrder(
      account: account, destination: destination, headerLength: Int64(lead.header.length),
      bodyLength: Int64(lead.body.length), sender: request.sender, recipient: recipient.address,
      original: agent.original(of: recipient))
    order.style = style
    return .asUser(order, lead)
  }

  /// Whose rights are used: those of the file's owner in which the program stands, and for the
  /// superuser's those of `default_privs`. Without the superuser's rights there is no choice.
  private func account(for program: AliasPrograms.Program) throws(NoDelivery) -> Account {
    func flaw(_ text: String) -> NoDelivery {
      NoDelivery(
        verdict: .misconfigured, warning: "alias \(recipient.address): \(text)")
    }
    let found: Account?
    do throws(Errno) {
      guard Identity.isRoot else {
        return try Identity.account(uid: Identity.uid)
          ?? Account(name: "", uid: Identity.uid, gid: Identity.gid, home: "", shell: "")
      }
      found =
        program.owner == 0
        ? try Identity.account(named: rights.defaultUser)
        : try Identity.account(uid: program.owner)
    } catch {
      throw NoDelivery(verdict: .accountsUnavailable(error))
    }
    guard let found else {
      throw flaw(
        program.owner == 0
          ? "default_privs: there is no account \(rights.defaultUser)"
          : "there is no account with user id \(program.owner), who owns its file")
    }
    if let text = try CommandRights.flaw(of: found, mailOwner: rights.mailOwner) {
      throw flaw("\(found.name): \(text)")
    }
    return found
  }
}
