import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import ServiceKit

/// The blocking part of one delivery to a virtual mailbox: says what a process with the
/// mailbox's rights has to do.
struct VirtualWork: Sendable {
  let mailbox: VirtualMailboxes.Found
  let lock: MailboxLock
  let isOwnedByUser: Bool
  let keepsOriginals: Bool
  let request: DeliveryRequest
  let recipient: DeliveryRecipient
  let segment: SharedDescriptor

  func begin() throws(NoDelivery) -> LocalWork.Step {
    let lead = try RecordSource(request: request, segment: segment).lead()
    let original = recipient.original.isEmpty ? recipient.address.bytes : recipient.original
    let destination: DeliverOrder.Destination
    let style: CopyStyle
    switch mailbox.place {
    case .maildir(let path):
      destination = .maildir(path)
      style = .maildir
    case .file(let path):
      destination = .mailbox(path, lock, isOwnedByUser: isOwnedByUser)
      style = .mailbox
    }
    var order = DeliverOrder(
      account: Account(
        name: recipient.address.description, uid: mailbox.uid, gid: mailbox.gid, home: "",
        shell: ""), destination: destination, headerLength: Int64(lead.header.length),
      bodyLength: Int64(lead.body.length), sender: request.sender, recipient: recipient.address,
      original: keepsOriginals ? original : [])
    order.style = style
    order.isVirtual = true
    return .asUser(order, lead)
  }
}
