import AddressRewriting
import QueueFormat
import ServiceKit

/// The recipients of mail that the queue manager writes itself.
extension MailQueue {
  /// The envelope of a new message as its record holds it.
  func rewritten(_ envelope: Envelope) async throws(RewriteError) -> Envelope {
    var envelope = completed(envelope)
    guard rewriting.mayExpand(envelope) else { return envelope }
    var expansion = RecipientExpansion(
      rewriting, keepsOriginals: settings.keepsOriginals,
      isFiltered: !envelope.contentFilter.isEmpty, served: envelope.served)
    for recipient in envelope.recipients { try await expansion.add(recipient) }
    envelope.recipients = expansion.recipients
    return envelope
  }

  /// The same without a look at aliases.
  func completed(_ envelope: Envelope) -> Envelope {
    var envelope = envelope
    rewriting.complete(&envelope)
    return envelope
  }
}
