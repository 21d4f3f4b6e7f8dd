package import MailTypes
package import Primitives

/// Everything that restrictions may judge when a client names a recipient.
package struct AccessRequest: Sendable {
  /// The client's address.
  package var clientAddress: IPAddress
  /// The client's verified host name, or `unknown`.
  package var clientName: String
  /// The name that HELO or EHLO gave.
  package var helo: String?
  /// The reverse-path.
  package var sender: MailAddress
  /// The forward-path.
  package var recipient: MailAddress

  /// Collects what is known about a client and its envelope.
  package init(
    clientAddress: IPAddress, clientName: String = "unknown", helo: String? = nil,
    sender: MailAddress, recipient: MailAddress
  ) {
    self.clientAddress = clientAddress
    self.clientName = clientName
    self.helo = helo
    self.sender = sender
    self.recipient = recipient
  }

  /// The recipient as replies quote it.
  var recipientText: String { String(decoding: recipient.unquoted, as: UTF8.self) }
}

/// What one restriction says.
package enum AccessDecision: Equatable, Sendable {
  /// Nothing; the next restriction is asked.
  case undecided
  /// Nothing in the rest of this list matters.
  case permit
  /// The recipient is refused with this reply.
  case refuse(SMTPReply)
}

/// Why a restriction could not be read, or not be evaluated.
package enum AccessError: Error, Equatable, Sendable {
  /// A word in the list of `parameter` is no restriction that is known.
  case unknownRestriction(parameter: String, word: String)
  /// Neither list holds a restriction that keeps strangers from relaying.
  case opensRelay
  /// A reply code does not fit: `relay_domains_reject_code` and its like are 4xx or 5xx.
  case badCode(parameter: String, value: Int)
  /// A table did not answer; the client should come back.
  case lookupFailed
}
