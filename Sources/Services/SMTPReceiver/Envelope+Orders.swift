import AccessPolicy
import MailTypes
import QueueFormat

extension Envelope {
  /// Carries out what access tables want of the envelope, but for a redirection.
  mutating func apply(_ orders: MessageOrders) {
    if !orders.filter.isEmpty { contentFilter = Array(orders.filter.utf8) }
    for copy in orders.copies where !recipients.contains(where: { $0.address == copy }) {
      // Nobody who sent the mail shall learn of it.
      recipients.append(EnvelopeRecipient(copy, notify: .never))
    }
  }

  /// Sends the mail to one address in the place of all recipients, copies and those of milters and
  /// aliases among them, and past a filter: who gets it keeps the first recipient's wishes and
  /// name, which loop detection and logs need.
  mutating func redirect(to target: MailAddress) {
    guard var recipient = recipients.first else { return }
    recipient.original = recipient.original ?? recipient.address
    recipient.address = target
    recipients = [recipient]
    contentFilter = []
  }
}
