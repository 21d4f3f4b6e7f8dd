package import MailTypes
import Primitives

/// A recipient of which a report tells, and what became of it.
package struct ReportedRecipient: Sendable {
  /// What became of it (RFC 3464 2.3.3).
  package enum Action: Sendable {
    /// It will not get the message.
    case failed
    /// It has the message.
    case delivered
    /// The message went on to a host that makes no reports.
    case relayed
    /// It has not got the message yet.
    case delayed

    /// Whether this host has handed the message over.
    var isSuccess: Bool { self == .delivered || self == .relayed }

    var word: StaticString {
      switch self {
      case .failed: "failed"
      case .delivered: "delivered"
      case .relayed: "relayed"
      case .delayed: "delayed"
      }
    }
  }

  /// The recipient as the transport had it.
  package let address: MailAddress
  /// The recipient before it was rewritten, when that was another.
  package let originalAddress: MailAddress?
  /// ORCPT (RFC 3461 4.2), its type and the address that is meant; empty for none.
  package let dsnOriginal: [UInt8]
  /// What became of it.
  package let action: Action
  /// The enhanced status.
  package let status: EnhancedStatus
  /// The reason as the log has it.
  package let reason: [UInt8]
  /// `relay=` of the log.
  package let relay: [UInt8]

  /// Names a recipient.
  package init(
    address: MailAddress, originalAddress: MailAddress? = nil, dsnOriginal: [UInt8] = [],
    action: Action, status: EnhancedStatus, reason: [UInt8], relay: [UInt8] = []
  ) {
    self.address = address
    self.originalAddress = originalAddress
    self.dsnOriginal = dsnOriginal
    self.action = action
    self.status = status
    self.reason = reason
    self.relay = relay
  }

  /// The recipient in the part for people.
  func writeParagraph(to text: inout WireText) {
    var line: [UInt8] = [UInt8(ascii: "<")] + address.bytes
    if let originalAddress, originalAddress != address {
      line.append(text: "> (expanded from <")
      line += originalAddress.bytes
      line.append(text: ">): ")
    } else {
      line.append(text: ">: ")
    }
    if action.isSuccess, !relay.elementsEqual("none".utf8) {
      line.append(text: "delivery via ")
      line += relay
      line.append(text: ": ")
    }
    line += reason
    text.writeLine("")
    text.writeFolded(line)
  }

  /// The recipient's group of fields in the part for programs (RFC 3464 2.3).
  func writeFields(to text: inout WireText) {
    let diagnostic = Diagnostic(reason: reason, relay: relay, isSuccess: action.isSuccess)
    text.writeLine("")
    text.writeField("Final-Recipient: ", address: address.bytes)
    if dsnOriginal.isEmpty {
      let original = originalAddress ?? address
      text.writeLine(Array("Original-Recipient: rfc822;".utf8) + original.bytes)
    } else {
      text.writeLine(Array("Original-Recipient: ".utf8) + dsnOriginal)
    }
    text.writeLine("Action: \(action.word)")
    text.writeLine("Status: \(status)")
    if let host = diagnostic.remoteHost { text.writeFolded(Array("Remote-MTA: dns; ".utf8) + host) }
    let type = diagnostic.remoteHost == nil ? "X-Postfix" : "smtp"
    text.writeFolded(Array("Diagnostic-Code: \(type); ".utf8) + diagnostic.text)
  }
}

extension WireText {
  /// A field with the type and the text of an address (RFC 3464 2.1.2, RFC 6533 3).
  mutating func writeField(_ name: StaticString, address: [UInt8]) {
    var line: [UInt8] = []
    line.append(text: name)
    line.append(text: address.contains { $0 >= 0x80 } ? "utf-8; " : "rfc822; ")
    writeLine(line + address)
  }
}
