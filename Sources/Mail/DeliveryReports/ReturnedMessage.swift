import MailTypes
import Primitives

/// What a report gives back of the message that it is about, in wire form.
package struct ReturnedMessage: Sendable {
  /// The header, with or without the empty line behind it.
  package let header: [UInt8]
  /// The body; `nil` where only the header is given back (RFC 3461 4.3).
  package let body: [UInt8]?

  /// The whole of a message, or without `body` its header; one that is cut ends with its last
  /// whole line.
  package init(header: [UInt8], body: [UInt8]? = nil) {
    self.header = header
    self.body = body
  }

  func description(_ kind: DeliveryReport.Kind) -> String {
    let what = body == nil ? "Message Headers" : "Message"
    return kind == .success ? what : "Undelivered \(what)"
  }

  /// - Parameter isGlobal: whether it has UTF-8 in its header (RFC 6532, RFC 6533).
  func contentType(isGlobal: Bool) -> String {
    switch (body == nil, isGlobal) {
    case (false, false): "message/rfc822"
    case (false, true): "message/global"
    case (true, false): "text/rfc822-headers"
    case (true, true): "message/global-headers"
    }
  }

  /// The part of the report, with the envelope's sender as the last hop would note it.
  func text(sender: MailAddress) -> WireText {
    var text = WireText()
    text.writeLine(Array("Return-Path: <".utf8) + sender.bytes + [UInt8(ascii: ">")])
    for line in WireLines(header) where !line.isEmpty { text.writeStuffedLine(line) }
    guard let body else { return text }
    text.writeLine("")
    for line in WireLines(body) { text.writeStuffedLine(line) }
    return text
  }

  /// Whether some line begins so.
  func hasLine(startingWith prefix: [UInt8]) -> Bool {
    WireLines(header).contains { $0.starts(with: prefix) }
      || WireLines(body ?? []).contains { $0.starts(with: prefix) }
  }
}

/// The whole lines of a text in wire form, without their ends.
private struct WireLines: Sequence, IteratorProtocol {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  mutating func next() -> ArraySlice<UInt8>? {
    guard let end = rest.firstIndex(of: ASCII.lf) else { return nil }
    let line = rest[..<end]
    rest = rest[(end + 1)...]
    return line.last == ASCII.cr ? line.dropLast() : line
  }
}
