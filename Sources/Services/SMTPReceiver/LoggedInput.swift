import Primitives
import SMTPGrammar
import ServiceKit

/// What the log may show of lines that a client sent before their time: AUTH and what may answer a
/// challenge hold passwords.
enum LoggedInput {
  private static let hidden: StaticString = "(left out)"

  /// Appends what may be shown of bytes, `limit` of them at most. `followsAuthentication` says
  /// that they may answer an AUTH; with `isEscaped` ends of lines and the like are shown as `\r\n`.
  static func append(
    _ bytes: some Collection<UInt8>, limit: Int, followsAuthentication: Bool,
    isEscaped: Bool = false, to line: inout [UInt8]
  ) {
    let show = { (bytes: ArraySlice<UInt8>, line: inout [UInt8]) in
      guard isEscaped else { return line.append(peerText: bytes) }
      for byte in bytes { escape(byte, into: &line) }
    }
    if followsAuthentication { return line.append(text: hidden) }
    let all = Array(bytes)
    var start = 0
    while start < all.count {
      let end = all[start...].firstIndex(of: ASCII.lf) ?? all.count
      let isSecret = all[start..<end].withUnsafeBytes { SMTPCommand($0).verb == .auth }
      if isSecret {
        show(all[..<min(start, limit)], &line)
        if start < limit { line.append(text: "AUTH ") }
        return line.append(text: hidden)
      }
      start = end + 1
    }
    show(all.prefix(limit), &line)
  }

  /// As in strings of C, and so in Postfix's log.
  private static func escape(_ byte: UInt8, into line: inout [UInt8]) {
    switch byte {
    case 7...13: line.append(contentsOf: [backslash, Array("abtnvfr".utf8)[Int(byte) - 7]])
    case backslash: line.append(contentsOf: [backslash, backslash])
    case 32..<127: line.append(byte)
    default: line.append(contentsOf: [backslash] + [6, 3, 0].map { 48 + (byte >> $0) & 7 })
    }
  }

  private static let backslash = UInt8(ascii: "\\")
}
