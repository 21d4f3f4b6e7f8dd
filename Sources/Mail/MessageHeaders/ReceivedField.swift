package import MailTypes
package import Primitives

/// The trace field that each hop puts before a message (RFC 5321 4.4), in Postfix's shape.
package struct ReceivedField: Sendable {
  /// The name that the client gave; its host name when it gave none.
  package var helo: String
  /// The client's verified host name, or `unknown`.
  package var clientName: String
  /// The client's address.
  package var clientAddress: IPAddress
  /// `myhostname`.
  package var myhostname: String
  /// `mail_name`.
  package var mailName: String
  /// Lines about the session's security, each with the white space and line ends of the wire form;
  /// empty for none.
  package var security: [UInt8] = []
  /// `SMTP`, `ESMTP` and so on (RFC 3848).
  package var protocolName: StaticString
  /// The queue id.
  package var queueID: QueueID
  /// The recipient, when the message has only one: nobody else may read the others' names here.
  package var recipient: MailAddress?
  /// When the message came.
  package var time: WallTime
  /// The local clock's offset at that time.
  package var offset: LocalOffset

  /// Collects what the field says.
  package init(
    helo: String, clientName: String, clientAddress: IPAddress, myhostname: String,
    mailName: String, protocolName: StaticString, queueID: QueueID, recipient: MailAddress?,
    time: WallTime, offset: LocalOffset
  ) {
    self.helo = helo
    self.clientName = clientName
    self.clientAddress = clientAddress
    self.myhostname = myhostname
    self.mailName = mailName
    self.protocolName = protocolName
    self.queueID = queueID
    self.recipient = recipient
    self.time = time
    self.offset = offset
  }

  /// Appends the field in wire form.
  package func append(to text: inout [UInt8]) {
    text.append(text: "Received: from ")
    text.append(string: helo)
    text.append(text: " (")
    text.append(string: clientName)
    text.append(text: clientAddress.family == .v6 ? " [IPv6:" : " [")
    clientAddress.append(to: &text)
    text.append(text: "])\r\n")
    text.append(contentsOf: security)
    text.append(text: "\tby ")
    text.append(string: myhostname)
    text.append(text: " (")
    text.append(string: mailName)
    text.append(text: ") with ")
    text.append(text: protocolName)
    text.append(text: " id ")
    queueID.append(to: &text)
    if let recipient {
      text.append(text: "\r\n\tfor <")
      text.append(contentsOf: recipient.bytes)
      text.append(text: ">; ")
    } else {
      text.append(text: ";\r\n\t")
    }
    MailDate.append(time, offset: offset, to: &text)
    text.append(text: "\r\n")
  }
}
