import MailTypes
import Primitives
import SMTPGrammar

/// The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), AUTH (RFC 4954), SMTPUTF8
/// (RFC 6531), and what reports shall say (RFC 3461).
extension SMTPServerCore {
  /// Takes one parameter of MAIL; the reply that refuses it, or `nil`.
  func apply(
    _ parameter: Slice<UnsafeRawBufferPointer>, to envelope: inout SMTPTransaction
  ) -> SMTPReply? {
    if let value = Self.value(of: parameter, "size=") {
      guard !value.isEmpty, value.allSatisfy(ASCII.isDigit) else {
        return SMTPReply(501, EnhancedStatus(5, 5, 4), "Bad message size syntax")
      }
      guard let size = Int(String(decoding: value, as: UTF8.self)) else {
        return SMTPReply(
          552, EnhancedStatus(5, 3, 4), "Message size exceeds file system imposed limit")
      }
      if rules.settings.messageSizeLimit > 0, size > rules.settings.messageSizeLimit {
        return SMTPReply(552, EnhancedStatus(5, 3, 4), "Message size exceeds fixed limit")
      }
      envelope.announcedSize = size
      return nil
    }
    if let value = Self.value(of: parameter, "body=") {
      if ASCII.equalFolded(value, "8bitmime".utf8) {
        envelope.isEightBit = true
        return nil
      }
      if ASCII.equalFolded(value, "7bit".utf8) {
        envelope.isEightBit = false
        return nil
      }
    }
    // RFC 4954 5: a server must take AUTH= from a client that it does not trust.
    if let value = Self.value(of: parameter, "auth=") {
      setAuthorizedSender(value, &envelope)
      return nil
    }
    if offersSMTPUTF8, Self.isSMTPUTF8(parameter) {
      envelope.isInternational = true
      return nil
    }
    if let value = Self.value(of: parameter, "ret=") { return setReturn(value, &envelope) }
    if let value = Self.value(of: parameter, "envid=") { return setEnvelopeID(value, &envelope) }
    return Self.unsupported(parameter)
  }

  /// Whether SMTPUTF8 may be asked for.
  var offersSMTPUTF8: Bool {
    rules.settings.smtputf8IsEnabled && !hiddenKeywords.contains(.smtputf8)
  }

  static func isSMTPUTF8(_ parameter: Slice<UnsafeRawBufferPointer>) -> Bool {
    ASCII.equalFolded(parameter, "smtputf8".utf8)
  }

  private func setReturn(
    _ value: Slice<UnsafeRawBufferPointer>, _ envelope: inout SMTPTransaction
  ) -> SMTPReply? {
    if hiddenKeywords.contains(.dsn) { return Self.dsnDisabled }
    let isFull = ASCII.equalFolded(value, "full".utf8)
    guard envelope.returned == nil, isFull || ASCII.equalFolded(value, "hdrs".utf8) else {
      return SMTPReply(501, EnhancedStatus(5, 5, 4), "Bad RET parameter syntax")
    }
    envelope.returned = isFull ? .full : .headers
    return nil
  }

  private func setEnvelopeID(
    _ value: Slice<UnsafeRawBufferPointer>, _ envelope: inout SMTPTransaction
  ) -> SMTPReply? {
    if hiddenKeywords.contains(.dsn) { return Self.dsnDisabled }
    guard envelope.envelopeID.isEmpty, !value.isEmpty, ExtendedText.isHarmless(value) else {
      return SMTPReply(501, EnhancedStatus(5, 5, 4), "Bad ENVID parameter syntax")
    }
    envelope.envelopeID = Array(value)
    return nil
  }

  /// Takes one parameter of RCPT; the reply that refuses it, or `nil`.
  func apply(
    _ parameter: Slice<UnsafeRawBufferPointer>, to recipient: inout SMTPRecipient
  ) -> SMTPReply? {
    if let value = Self.value(of: parameter, "notify=") {
      if hiddenKeywords.contains(.dsn) { return Self.dsnDisabled }
      guard recipient.notify == nil, let notify = Self.notify(value) else {
        return SMTPReply(501, EnhancedStatus(5, 5, 4), "Error: Bad NOTIFY parameter syntax")
      }
      recipient.notify = notify
      return nil
    }
    if let value = Self.value(of: parameter, "orcpt=") {
      if hiddenKeywords.contains(.dsn) { return Self.dsnDisabled }
      guard recipient.original.isEmpty, Self.isTypedAddress(value) else {
        return SMTPReply(501, EnhancedStatus(5, 5, 4), "Error: Bad ORCPT parameter syntax")
      }
      recipient.original = Array(value)
      return nil
    }
    return Self.unsupported(parameter)
  }

  private static let dsnDisabled = SMTPReply(
    501, EnhancedStatus(5, 7, 1), "DSN support is disabled")

  private static func notify(_ value: Slice<UnsafeRawBufferPointer>) -> SMTPNotify? {
    var notify: SMTPNotify = []
    var isNever = false
    for word in value.split(separator: UInt8(ascii: ",")) {
      if ASCII.equalFolded(word, "never".utf8) {
        isNever = true
      } else if ASCII.equalFolded(word, "success".utf8) {
        notify.insert(.success)
      } else if ASCII.equalFolded(word, "failure".utf8) {
        notify.insert(.failure)
      } else if ASCII.equalFolded(word, "delay".utf8) {
        notify.insert(.delay)
      } else {
        return nil
      }
    }
    return isNever == notify.isEmpty ? notify : nil
  }

  /// Whether a value is `type;address` (RFC 3461 4.2).
  private static func isTypedAddress(_ value: Slice<UnsafeRawBufferPointer>) -> Bool {
    guard let semicolon = value.firstIndex(of: UInt8(ascii: ";")), semicolon > value.startIndex
    else { return false }
    return value.count <= ExtendedText.lengthMax
      && value[..<semicolon].allSatisfy { $0 > ASCII.space && $0 < 0x7f }
      && ExtendedText.isHarmless(value[value.index(after: semicolon)...])
  }

  private static func value(
    of parameter: Slice<UnsafeRawBufferPointer>, _ name: StaticString
  ) -> Slice<UnsafeRawBufferPointer>? {
    let length = name.utf8CodeUnitCount
    guard parameter.count >= length,
      ASCII.equalFolded(UnsafeRawBufferPointer(rebasing: parameter.prefix(length)), name)
    else { return nil }
    return parameter.dropFirst(length)
  }

  private static func unsupported(_ parameter: Slice<UnsafeRawBufferPointer>) -> SMTPReply {
    let text = String(decoding: parameter, as: UTF8.self)
    return SMTPReply(555, EnhancedStatus(5, 5, 4), "Unsupported option: \(text)")
  }
}
