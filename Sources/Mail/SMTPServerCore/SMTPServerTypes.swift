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

  /// Names a client.
  package init(name: String, address: IPAddress, port: UInt16) {
    self.name = name
    self.address = address
    self.port = port
  }

  /// `name[address]`, as log lines say it.
  package var logName: String { "\(name)[\(address)]" }
}

/// The envelope under way: everything that MAIL and RCPT said.
package struct SMTPTransaction: Equatable, Sendable {
  /// The reverse-path; null for reports.
  package var sender: MailAddress
  /// The size that the client announced in bytes (RFC 1870); `nil` when it said none.
  package var announcedSize: Int?
  /// Whether `BODY=8BITMIME` was said.
  package var isEightBit = false
  /// The accepted forward-paths in their order.
  package var recipients: [MailAddress] = []
  var overshoot = 0

  init(sender: MailAddress) {
    self.sender = sender
  }
}

/// What the driver of a session has to do next.
package enum SMTPServerStep: Equatable, Sendable {
  /// Send what is in the output when no further command is at hand, and give the next line.
  case next
  /// Judge the sender, `transaction.sender`, and call `decide`.
  case authorizeSender
  /// Judge `pendingRecipient` and call `decide`.
  case authorizeRecipient
  /// Say whether there is room for content now, and call `decide`.
  case admitContent
  /// Send the output, read content up to its end, and call `contentFinished`.
  case receiveContent
  /// Send the output, forget what the client sent already, do the TLS handshake, and call
  /// `beginSecurely`; when it fails the connection is closed.
  case startTLS
  /// Send the output and close the connection.
  case close
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
