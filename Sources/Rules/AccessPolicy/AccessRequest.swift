package import MailTypes
package import Primitives

/// Everything that restrictions may judge, as far as the session has got.
package struct AccessRequest: Sendable {
  /// The client's address.
  package var clientAddress: IPAddress
  /// The client's verified host name, or `unknown`.
  package var clientName: String
  /// The client's port, where replies and logs name it (`smtpd_client_port_logging`).
  package var clientPort: UInt16?
  /// The name that HELO or EHLO gave.
  package var helo: String?
  /// The reverse-path; `nil` before MAIL.
  package var sender: MailAddress?
  /// The forward-path; `nil` before RCPT, and where there are several.
  package var recipient: MailAddress?
  /// The recipients that have been accepted.
  package var recipientCount = 0
  /// The domain that ETRN names.
  package var etrnDomain: String?
  /// Whether the client sent commands without waiting where it has to (RFC 2920 3.1).
  package var pipelinesIllegally = false
  /// Whether the session is encrypted.
  package var isEncrypted = false
  /// Who logged in; `nil` for nobody.
  package var login: AccessLogin?
  /// The certificate that the client showed; `nil` for none.
  package var certificate: AccessCertificate?

  /// Collects what is known about a client and its envelope.
  package init(
    clientAddress: IPAddress, clientName: String = "unknown", helo: String? = nil,
    sender: MailAddress? = nil, recipient: MailAddress? = nil
  ) {
    self.clientAddress = clientAddress
    self.clientName = clientName
    self.helo = helo
    self.sender = sender
    self.recipient = recipient
  }
}

/// Who logged in to a session.
package struct AccessLogin: Sendable {
  /// The mechanism.
  package var mechanism: String
  /// The user.
  package var user: String

  /// Names a user.
  package init(mechanism: String, user: String) {
    self.mechanism = mechanism
    self.user = user
  }
}

/// The certificate that a client showed under TLS, whose key it has.
package struct AccessCertificate: Sendable {
  /// The common name that it says; anybody can say any.
  package var name: String
  /// The digest of the certificate, as `1A:2B:3C`.
  package var fingerprint: String
  /// The digest of its public key.
  package var keyFingerprint: String
  /// Whether an authority that this host trusts has signed for it.
  package var isTrusted: Bool

  /// Describes a certificate.
  package init(name: String, fingerprint: String, keyFingerprint: String, isTrusted: Bool) {
    self.name = name
    self.fingerprint = fingerprint
    self.keyFingerprint = keyFingerprint
    self.isTrusted = isTrusted
  }
}

/// When in a session access is judged.
package enum AccessStage: Sendable, CaseIterable {
  /// At the connection, before the greeting.
  case connect
  /// HELO and EHLO.
  case helo
  /// MAIL.
  case mail
  /// RCPT.
  case recipient
  /// DATA, before its 354.
  case data
  /// The end of the content.
  case endOfData
  /// ETRN.
  case etrn
}

/// What a restriction is about; replies name it.
enum AccessSubject: Sendable, CaseIterable {
  case client, certificate, helo, sender, recipient, etrn, data, endOfData

  /// The words for it in replies.
  var title: String {
    switch self {
    case .client: "Client host"
    case .certificate: "Client certificate"
    case .helo: "Helo command"
    case .sender: "Sender address"
    case .recipient: "Recipient address"
    case .etrn: "Etrn command"
    case .data: "Data command"
    case .endOfData: "End-of-data"
    }
  }

  /// Whether a table that stands alone in a list is about it: `check_client_access` and so on.
  var hasTables: Bool { self != .data && self != .endOfData }

  /// What replies quote between `<` and `>`.
  func name(in request: AccessRequest) -> String {
    switch self {
    case .client:
      "\(request.clientName)[\(request.clientAddress)]"
        + (request.clientPort.map { ":\($0)" } ?? "")
    case .certificate: request.certificate?.name ?? ""
    case .helo: request.helo ?? ""
    case .sender: Self.text(request.sender)
    case .recipient: Self.text(request.recipient)
    case .etrn: request.etrnDomain ?? ""
    case .data: "DATA"
    case .endOfData: "END-OF-MESSAGE"
    }
  }

  private static func text(_ address: MailAddress?) -> String {
    address.map { String(decoding: $0.unquoted, as: UTF8.self) } ?? ""
  }
}
