import MailTypes
import Primitives
import QueueFormat
import SMTPGrammar
import ServiceKit

extension DeliveryRequest {
  /// ENVID and RET as MAIL has them (RFC 3461 4.3, 4.4), each behind a space.
  var dsnParameters: [UInt8] {
    var text: [UInt8] = []
    if !envelopeID.isEmpty {
      text.append(text: " ENVID=")
      text += Self.respelled(envelopeID[...])
    }
    switch returnContent {
    case .full: text.append(text: " RET=FULL")
    case .headers: text.append(text: " RET=HDRS")
    case nil: break
    }
    return text
  }

  /// xtext in the one spelling that every server must take; a client may have left bytes as they
  /// are that RFC 3461 4 wants in hexadecimal.
  fileprivate static func respelled(_ text: ArraySlice<UInt8>) -> [UInt8] {
    ExtendedText.encoded(ExtendedText.decoded(text) ?? Array(text))
  }
}

extension DeliveryRecipient {
  /// ORCPT and NOTIFY as RCPT has them (RFC 3461 4.1, 4.2), each behind a space.
  ///
  /// Like Postfix, and as RFC 3461 5.2.1 allows, this host names the original recipient where the
  /// client did not.
  var dsnParameters: [UInt8] {
    var text: [UInt8] = []
    // Room for all of it but what is rare: this is made for every recipient.
    text.reserveCapacity(48 + dsnOriginal.count + max(original.count, address.bytes.count))
    text.append(text: " ORCPT=")
    if let semicolon = dsnOriginal.firstIndex(of: UInt8(ascii: ";")) {
      text += dsnOriginal[...semicolon]
      text += DeliveryRequest.respelled(dsnOriginal[(semicolon + 1)...])
    } else {
      text.append(text: "rfc822;")
      ExtendedText.append(original.isEmpty ? address.bytes : original, to: &text)
    }
    guard let notify else { return text }
    text.append(text: " NOTIFY=")
    if notify == .never {
      text.append(text: "NEVER")
    } else {
      let words: [(DeliveryNotify, StaticString)] = [
        (.success, "SUCCESS"), (.failure, "FAILURE"), (.delay, "DELAY"),
      ]
      for (place, word) in words.filter({ notify.contains($0.0) }).enumerated() {
        if place > 0 { text.append(UInt8(ascii: ",")) }
        text.append(text: word.1)
      }
    }
    return text
  }
}
