import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import ServiceKit
import SystemPackage

/// The blocking part of one local delivery: finds the mailbox, reads the record, and writes the
/// message, or makes the copy that a process of the user's will write.
struct LocalWork: Sendable {
  enum Step: Sendable {
    case done(LocalVerdict)
    case asUser(DeliverOrder)
  }

  let agent: LocalAgent
  let request: DeliveryRequest
  let recipient: DeliveryRecipient
  let segment: SharedDescriptor

  func begin() -> Step {
    let lead: RecordLead
    do {
      let bytes = try Files.read(
        segment.raw, count: RecordLead.size, at: Int64(clamping: request.offset))
      lead = try bytes.withUnsafeBytes {
        try RecordLead($0, nonce: request.nonce, offset: request.offset)
      }
    } catch {
      return .done(.unreadable("\(error)"))
    }
    guard lead.id == request.queueID, lead.isUnderstood else {
      return .done(.unreadable("another record lies in its place"))
    }
    switch agent.place(of: recipient.address) {
    case .none(let verdict): return .done(verdict)
    case .maildir(let path, let account):
      guard Identity.isRoot else { return .done(agent.write(message(lead), to: path, at: now)) }
      guard account.uid != 0 else { return .done(.superuser(account.name)) }
      return copy(lead, for: account, path: path)
    }
  }

  private var now: WallTime { Clocks.wallNow() }

  private func message(_ lead: RecordLead) -> LocalMessage {
    LocalMessage(
      content: segment.raw, header: Int64(lead.header.offset)..<Int64(lead.header.end),
      body: Int64(lead.body.offset)..<Int64(lead.body.end), sender: request.sender,
      recipient: recipient.address, original: agent.original(of: recipient))
  }

  /// A sealed copy in memory: no process of a user's ever holds a segment (spool rule R15).
  func copy(_ lead: RecordLead, for account: Account, path: String) -> Step {
    do {
      let header = try Files.read(
        segment.raw, count: Int(lead.header.length), at: Int64(lead.header.offset))
      let body = try Files.read(
        segment.raw, count: Int(lead.body.length), at: Int64(lead.body.offset))
      guard header.count == Int(lead.header.length), body.count == Int(lead.body.length) else {
        return .done(.unreadable("unexpected end of file"))
      }
      let file = try Files.sealedMemory("message", content: header + body)
      return .asUser(
        DeliverOrder(
          account: account, path: path, headerLength: Int64(header.count),
          bodyLength: Int64(body.count), sender: request.sender, recipient: recipient.address,
          original: agent.original(of: recipient), content: SharedDescriptor(file)))
    } catch {
      return .done(.unreadable("\(error)"))
    }
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
