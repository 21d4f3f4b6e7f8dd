import COpenSSL
import Primitives

/// What OpenSSL said about an operation that failed: the reasons that it queued, in their order.
package struct TLSFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// Lines such as `error:0A00010B:SSL routines::wrong version number:ssl/record.c:354:`, with what
  /// was remarked behind; empty when it gave none.
  package let reasons: [String]

  /// All reasons in one text.
  package var description: String {
    reasons.isEmpty ? "no reason given" : reasons.joined(separator: "; ")
  }

  /// Names a failure.
  package init(reasons: [String]) { self.reasons = reasons }

  /// The most reasons that are kept; a peer can cause a few at most.
  private static let reasonsMax = 8

  /// Takes what the library has queued.
  static func taken() -> TLSFailure {
    var reasons: [String] = []
    while true {
      var file: UnsafePointer<CChar>?
      var remark: UnsafePointer<CChar>?
      var line: Int32 = 0
      var flags: Int32 = 0
      let code = ERR_get_error_all(&file, &line, nil, &remark, &flags)
      guard code != 0 else { return TLSFailure(reasons: reasons) }
      guard reasons.count < reasonsMax else { continue }
      let place = file.map { String(cString: $0) } ?? ""
      let isText = flags & ERR_TXT_STRING != 0
      let said = isText ? remark.map { printable(String(cString: $0)) } ?? "" : ""
      reasons.append("\(text(of: code)):\(place):\(line):\(said)")
    }
  }

  /// The most bytes of a remark; some are made of what the peer sent.
  private static let remarkLengthMax = 200

  static func printable(_ remark: String) -> String {
    var bytes = Array(remark.utf8.prefix(remarkLengthMax))
    bytes.makePrintable(from: 0)
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func text(of code: UInt) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      ERR_error_string_n(code, buffer.baseAddress, buffer.count)
      return buffer.baseAddress.map { String(cString: $0) } ?? ""
    }
  }
}

/// Why a context cannot be made: what is wrong with certificates, keys or settings.
package struct TLSSetupError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is at fault.
  package enum Subject: Hashable, Sendable {
    /// Keys or certificates in a file.
    case file(String)
    /// The bounds of the protocol.
    case versions
    /// The list of ciphers.
    case ciphers
    /// The groups for the key exchange.
    case groups
    /// The library itself.
    case library
  }

  /// What is at fault.
  package let subject: Subject
  /// The fault.
  package let reason: String

  /// `file: reason`, or the reason alone.
  package var description: String {
    if case .file(let name) = subject { return "\(name): \(reason)" }
    return reason
  }

  init(_ subject: Subject, _ reason: String) {
    self.subject = subject
    self.reason = reason
  }

  /// A name that a client asked for cannot be looked up.
  package init(name: String, _ reason: String) { self.init(.library, "\(name): \(reason)") }

  init(file: String, _ reason: String) { self.init(.file(file), reason) }

  /// A fault with what the library said about it.
  static func said(_ subject: Subject, _ what: String) -> TLSSetupError {
    TLSSetupError(subject, "\(what): \(TLSFailure.taken())")
  }
}
