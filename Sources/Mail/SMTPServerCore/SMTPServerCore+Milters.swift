package import MailTypes
import Primitives

/// What milters need of a session.
extension SMTPServerCore {
  /// Greets a client that a milter refuses: it may go on, and is refused again at MAIL.
  package mutating func greet(
    with refusal: SMTPReply, into out: inout [UInt8]
  ) -> SMTPServerStep {
    refuse(refusal, into: &out)
  }

  /// The parameters of the RCPT in question, as they may be given to others.
  package var pendingRecipientParameters: [[UInt8]] {
    guard let recipientAtHand else { return [] }
    var words: [[UInt8]] = []
    if let notify = recipientAtHand.notify {
      let named: [(SMTPNotify, String)] = [
        (.success, "SUCCESS"), (.failure, "FAILURE"), (.delay, "DELAY"),
      ]
      let names = named.filter { notify.contains($0.0) }.map(\.1)
      let text = names.isEmpty ? "NEVER" : names.joined(separator: ",")
      words.append(Array("NOTIFY=\(text)".utf8))
    }
    if !recipientAtHand.original.isEmpty {
      words.append(Array("ORCPT=".utf8) + recipientAtHand.original)
    }
    return words
  }
}
