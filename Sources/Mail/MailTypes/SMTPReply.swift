import Primitives

/// A reply of the server before it is put on the wire.
package struct SMTPReply: Hashable, Sendable {
  /// The three digits.
  package let code: UInt16
  /// The enhanced status behind them, if there is one (RFC 2034).
  package let status: EnhancedStatus?
  /// The text, without line ends; one that has them is given as several lines of a reply.
  package let text: String

  /// A reply with code, enhanced status and text.
  package init(_ code: UInt16, _ status: EnhancedStatus?, _ text: String) {
    self.code = code
    self.status = status
    self.text = text
  }

  /// The reply under `soft_bounce`: what would be permanent may be tried again.
  package var softened: SMTPReply {
    SMTPReply(code >= 500 ? code - 100 : code, status?.softened, text)
  }

  /// The reply as it is logged: one line without its end.
  package var logText: String {
    status.map { "\(code) \($0) \(text)" } ?? "\(code) \(text)"
  }

  /// Appends the reply in wire form, one line for each line of the text (RFC 5321 4.2.1).
  ///
  /// Control characters become `?`: a reply may quote what the client sent.
  package func append(to out: inout [UInt8]) {
    let lines = text.utf8.split(
      separator: ASCII.lf, omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      out.append(decimal: Int(code))
      out.append(index + 1 < lines.count ? UInt8(ascii: "-") : ASCII.space)
      if let status {
        status.append(to: &out)
        out.append(ASCII.space)
      }
      for byte in line where byte != ASCII.cr {
        out.append(byte < ASCII.space || byte == 0x7f ? UInt8(ascii: "?") : byte)
      }
      out.append(ASCII.cr)
      out.append(ASCII.lf)
    }
  }
}
