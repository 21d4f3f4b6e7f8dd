package import MailTypes
package import Primitives

/// Who is at the other end of a session.
package struct SMTPClientIdentity: Sendable {
  /// The verified host name, or `unknown`.
  package var name: String
  /// The address.
  package var address: IPAddress
  /// The port.
  package var port: UInt16
  /// Whether logs name the port too (`smtpd_client_port_logging`).
  package var logsPort = false

  /// Names a client.
  package init(name: String, address: IPAddress, port: UInt16) {
    self.name = name
    self.address = address
    self.port = port
  }

  /// `name[address]`, as log lines say it, with `:port` if wanted.
  package var logName: String {
    logsPort ? "\(name)[\(address)]:\(port)" : "\(name)[\(address)]"
  }
}

/// The envelope under way: everything that MAIL and RCPT said.
package struct SMTPTransaction: Equatable, Sendable {
  /// The reverse-path as the client gave it; null for reports.
  package var sender: MailAddress
  /// The size that the client announced in bytes (RFC 1870); `nil` when it said none.
  package var announcedSize: Int?
  /// Whether `BODY=8BITMIME` was said.
  package var isEightBit = false
  /// Whether `SMTPUTF8` was said (RFC 6531): addresses may have names outside ASCII.
  package var isInternational = false
  /// RET (RFC 3461 4.3): how much of the message a report gives back; `nil` when it was not said.
  package var returned: SMTPReturn?
  /// ENVID (RFC 3461 4.4) as it was spelled, in xtext; empty for none.
  package var envelopeID: [UInt8] = []
  /// AUTH (RFC 4954 5) as it was spelled, in xtext; empty for none.
  package var authorizedSender: [UInt8] = []
  /// The accepted recipients in their order.
  package var recipients: [SMTPRecipient] = []
  var overshoot = 0

  init(sender: MailAddress) {
    self.sender = sender
  }
}

/// The values of RET.
package enum SMTPReturn: Sendable {
  /// The whole message.
  case full
  /// Only its header.
  case headers
}

/// The values of NOTIFY (RFC 3461 4.1); none is NEVER.
package struct SMTPNotify: OptionSet, Sendable {
  /// The bits.
  package let rawValue: UInt8
  /// Wraps the bits.
  package init(rawValue: UInt8) { self.rawValue = rawValue }
  /// Report a delivery.
  package static let success = SMTPNotify(rawValue: 1)
  /// Report a failure.
  package static let failure = SMTPNotify(rawValue: 2)
  /// Report a delay.
  package static let delay = SMTPNotify(rawValue: 4)
}

/// A forward-path and what RCPT said about it.
package struct SMTPRecipient: Equatable, Sendable {
  /// The forward-path as the client gave it.
  package var address: MailAddress
  /// When the sender wants to hear; `nil` when it said nothing.
  package var notify: SMTPNotify?
  /// ORCPT (RFC 3461 4.2) as it was spelled, `type;xtext`; empty for none.
  package var original: [UInt8] = []
}

/// What the driver of a session has to do next.
package enum SMTPServerStep: Equatable, Sendable {
  /// Send what is in the output when no further command is at hand, and give the next line.
  case next
  /// Judge the name of HELO, `pendingHelo`, and call `decide`.
  case authorizeHelo
  /// Judge the sender, `transaction.sender`, and call `decide`.
  case authorizeSender
  /// Judge `pendingRecipient` and call `decide`.
  case authorizeRecipient
  /// Judge whether the client may ask for the mail of `pendingETRN`, and call `decide`.
  case authorizeETRN
  /// Say whether the client may begin TLS now, and call `decide`.
  case authorizeTLS
  /// Say whether there is room for content now, and call `decide`.
  case admitContent
  /// Take `chunk` to the content, and call `contentFinished` if it is the last, else
  /// `chunkFinished`.
  case receiveChunk
  /// Read `chunk` and forget it, and call `chunkDropped`.
  case dropChunk
  /// Send the output, read content up to its end, and call `contentFinished`.
  case receiveContent
  /// Send the output, forget what the client sent already, do the TLS handshake, and call
  /// `beginSecurely`; when it fails the connection is closed.
  case startTLS
  /// Ask the authentication server about `attempt`, and call `decideAuthentication`.
  case authenticate
  /// Send the output and close the connection.
  case close
}

/// What limits of rates are about, whatever comes of it.
package enum SMTPCountedEvent: Sendable {
  /// MAIL with some path.
  case message
  /// RCPT or VRFY with some path.
  case recipient
  /// AUTH.
  case authentication
}

/// The answer to a question of the core.
package enum SMTPVerdict: Equatable, Sendable {
  /// Go on.
  case accept
  /// Refuse with this reply; 421 and 521 end the session too.
  case refuse(SMTPReply)
}

/// What became of content that was received.
package enum SMTPContentOutcome: Equatable, Sendable {
  /// It is on the disk under this name.
  case queued(QueueID)
  /// It is not: the reply says why.
  case refused(SMTPReply)
}
