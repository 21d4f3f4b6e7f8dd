package import MailTypes

/// The server at the other end, as logs and reports name it.
package struct PeerName: Sendable, Equatable {
  /// The host's name, or the address in brackets' place when it has none.
  package let host: String
  /// The address, or the path of a socket.
  package let address: String
  /// The port; 0 for a socket.
  package let port: UInt16
  /// The destination that led here, for "mail for … loops back to myself".
  package let destination: String
  /// Whether a server with this host's own name is a loop: so on the standard port, not on others,
  /// where a filter of this host may listen.
  package let detectsLoop: Bool

  /// Names a peer.
  package init(
    host: String, address: String, port: UInt16, destination: String, detectsLoop: Bool
  ) {
    self.host = host
    self.address = address
    self.port = port
    self.destination = destination
    self.detectsLoop = detectsLoop
  }

  /// `host[address]`.
  package var label: String { "\(host)[\(address)]" }

  /// `host[address]:port`, or for a socket `host[path]`, as `relay=` has it in the log.
  package var relay: [UInt8] { Array(port == 0 ? label.utf8 : "\(label):\(port)".utf8) }
}

/// A recipient of a transaction.
package struct OutboundRecipient: Sendable {
  /// The forward-path.
  package let address: MailAddress
  /// DSN parameters (RFC 3461 4.1, 4.2) as they are sent, such as ` NOTIFY=NEVER`, or empty; used
  /// where the server offers DSN.
  package let dsnParameters: [UInt8]

  /// Makes a recipient.
  package init(_ address: MailAddress, dsnParameters: [UInt8] = []) {
    self.address = address
    self.dsnParameters = dsnParameters
  }
}

/// One message for recipients at one server.
package struct OutboundTransaction: Sendable {
  /// The reverse-path.
  package let sender: MailAddress
  /// The recipients; at least one.
  package let recipients: [OutboundRecipient]
  /// The size of the content in bytes without dot-stuffing (RFC 1870).
  package let size: Int
  /// Whether the body has bytes over 127 (RFC 6152). A server that does not offer 8BITMIME gets
  /// it as it is, as with Postfix's `disable_mime_output_conversion = yes`.
  package let isEightBit: Bool
  /// Whether an address or header has bytes over 127 (RFC 6531).
  package let needsSMTPUTF8: Bool
  /// DSN parameters of MAIL (RFC 3461 4.3, 4.4) as they are sent, such as ` RET=HDRS`, or empty.
  package let dsnParameters: [UInt8]

  /// Makes a transaction.
  package init(
    sender: MailAddress, recipients: [OutboundRecipient], size: Int, isEightBit: Bool = false,
    needsSMTPUTF8: Bool = false, dsnParameters: [UInt8] = []
  ) {
    precondition(!recipients.isEmpty, "a transaction has a recipient")
    self.sender = sender
    self.recipients = recipients
    self.size = size
    self.isEightBit = isEightBit
    self.needsSMTPUTF8 = needsSMTPUTF8
    self.dsnParameters = dsnParameters
  }
}

/// Where in a dialogue something happened.
package enum ClientPhase: Sendable {
  /// Before the connection stood.
  case connect
  /// Before the server's first reply.
  case greeting
  /// Before the reply to EHLO.
  case ehlo
  /// Before the reply to HELO.
  case helo
  /// Before the reply to STARTTLS, or before TLS was agreed on.
  case startTLS
  /// Before the reply to LHLO (RFC 2033 4.1).
  case lhlo
  /// Before the reply to a RSET that makes an open connection ready again.
  case reset
  /// Before the reply to MAIL.
  case mail
  /// Before the reply to RCPT.
  case rcpt
  /// Before the reply to DATA.
  case data
  /// While the content was sent.
  case content
  /// Before the reply to the content: the server may have taken it.
  case endOfData
}

/// What became of one recipient.
package struct RecipientResult: Sendable, Equatable {
  /// The three fates of an attempt.
  package enum Outcome: Sendable {
    /// The server has taken responsibility.
    case sent
    /// To be tried again.
    case deferred
    /// Never to be tried again.
    case bounced
  }

  /// The recipient's index in the transaction.
  package let recipientIndex: Int
  /// The fate.
  package let outcome: Outcome
  /// The enhanced status, as `dsn=` has it in the log.
  package let status: EnhancedStatus
  /// The reason as it stands in parentheses in the log: printable, at most 1 KiB, at the
  /// cost of the reply in it.
  package let text: [UInt8]
  /// Where it was decided.
  package let phase: ClientPhase

  /// Makes a result.
  package init(
    recipientIndex: Int, outcome: Outcome, status: EnhancedStatus, text: [UInt8],
    phase: ClientPhase
  ) {
    self.recipientIndex = recipientIndex
    self.outcome = outcome
    self.status = status
    self.text = text
    self.phase = phase
  }
}

/// The end of a transaction.
package struct TransactionEnd: Sendable, Equatable {
  /// One result for each recipient, in their order; none when `isStale`.
  package let results: [RecipientResult]
  /// Whether the connection can take another transaction.
  package let isReusable: Bool
  /// Whether it failed before the handshake was over: what counts against the concurrency of the
  /// destination. All that comes later is about this message.
  package let connectionFailed: Bool
  /// Whether an open connection turned out to be gone before it answered anything: nothing has
  /// been tried, and the same transaction belongs on a new connection at once.
  package let isStale: Bool
  /// Whether TLS, which was optional, could not be agreed on: the same transaction belongs on a new
  /// connection without it at once.
  package let wantsPlaintext: Bool
  /// Whether the server took the parameters of delivery reports, and with them the duty to report
  /// (RFC 3461 5.2.1).
  package let passedDSN: Bool
}
