import AccessPolicy
import MailTypes
import QueueFormat

extension Envelope {
  /// Carries out what access tables want of the envelope.
  ///
  /// A redirection is for all recipients, copies among them, and goes past a filter: who gets the
  /// mail instead keeps the first recipient's wishes and name, which loop detection and logs need.
  mutating func apply(_ orders: MessageOrders) {
    if !orders.filter.isEmpty { contentFilter = Array(orders.filter.utf8) }
    if let target = orders.redirect {
      guard var recipient = recipients.first else { return }
      recipient.original = recipient.original ?? recipient.address
      recipient.address = target
      recipients = [recipient]
      contentFilter = []
      return
    }
    for copy in orders.copies where !recipients.contains(where: { $0.address == copy }) {
      // Nobody who sent the mail shall learn of it.
      recipients.append(EnvelopeRecipient(copy, notify: .never))
    }
  }
}
