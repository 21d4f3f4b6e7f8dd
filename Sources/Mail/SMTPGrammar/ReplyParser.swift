package import MailTypes
import Primitives

/// Why a peer's reply cannot be read.
package enum ReplyError: Error, Equatable {
  /// The reply went on beyond `ReplyParser.replySizeMax` bytes.
  case tooLong
}

/// Reads a server's replies (RFC 5321 4.2) from chunks of any size, one reply at a time.
///
/// Lines that are no reply are kept as text and skipped, as Postfix does. Only a bounded part of
/// a reply is stored, in a buffer that is used again for the next one.
package struct ReplyParser: Sendable {
  /// The longest reply that is read to its end, in bytes with all its lines.
  package static let replySizeMax = 131_072
  /// How much of a reply is stored, in bytes.
  package static let storedSizeMax = 16_384
  /// How much of a reply goes into a log line or a result, in bytes.
  package static let logTextSizeMax = 1024

  private var stored: [UInt8] = []
  private var lineStart = 0
  private var received = 0
  private var isComplete = false
  private var isPastLineStart = false

  /// Makes a parser that waits for a reply's first line.
  package init() {}

  /// Whether part of a reply has come, but not its end.
  package var isInReply: Bool { !isComplete && received > 0 }

  /// Takes bytes from `position` on until a reply is complete; `position` is then behind its last
  /// line. Returns whether it is complete: the properties describe it until the next call.
  package mutating func read(
    _ bytes: UnsafeRawBufferPointer, at position: inout Int
  ) throws(ReplyError) -> Bool {
    if isComplete { reset() }
    while position < bytes.count {
      var end = position
      while end < bytes.count, bytes[end] != ASCII.lf { end += 1 }
      let hasLineEnd = end < bytes.count
      received += end - position + 1
      guard received <= Self.replySizeMax else { throw .tooLong }
      store(UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
      position = hasLineEnd ? end + 1 : end
      if hasLineEnd, endLine() {
        isComplete = true
        return true
      }
    }
    return false
  }

  private mutating func reset() {
    stored.removeAll(keepingCapacity: true)
    lineStart = 0
    received = 0
    isComplete = false
    isPastLineStart = false
  }

  /// Keeps what fits, and always the first bytes of a line, which tell whether it is the last.
  private mutating func store(_ part: UnsafeRawBufferPointer) {
    if !isPastLineStart {
      isPastLineStart = true
      if stored.count >= Self.storedSizeMax, lineStart > 0 {
        stored.removeSubrange((lineStart - 1)...)
      }
      if !stored.isEmpty { stored.append(ASCII.lf) }
      lineStart = stored.count
    }
    let room = max(Self.storedSizeMax - stored.count, 5 - (stored.count - lineStart), 0)
    stored.append(contentsOf: part.prefix(room))
  }

  /// Ends the stored line; whether it is the last of a reply.
  private mutating func endLine() -> Bool {
    if stored.count > lineStart, stored.last == ASCII.cr { stored.removeLast() }
    isPastLineStart = false
    let length = stored.count - lineStart
    guard length >= 3, stored[lineStart..<lineStart + 3].allSatisfy(ASCII.isDigit) else {
      return false
    }
    return length == 3 || stored[lineStart + 3] == ASCII.space
  }

  /// The three-digit code of the last line.
  package var code: Int {
    stored[lineStart..<lineStart + 3].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  /// The first digit of the code: 2 success, 3 go on, 4 failure for now, 5 failure for good.
  package var codeClass: UInt8 { stored[lineStart] - UInt8(ascii: "0") }

  /// The enhanced status of the last line (RFC 2034); `x.0.0` where it has none that agrees with
  /// the code.
  package var status: EnhancedStatus {
    let text = stored[min(lineStart + 4, stored.count)...]
    if let (status, length) = EnhancedStatus.parse(prefixOf: text), status.statusClass == codeClass,
      length == text.count || text[text.startIndex + length] == ASCII.space
    {
      return status
    }
    return EnhancedStatus(codeClass, 0, 0)
  }

  /// The lines of the reply as far as they are stored, without line ends.
  package var lines: [ArraySlice<UInt8>] { stored.split(separator: ASCII.lf) }

  /// The reply as one printable line: what parts its lines is a space, control characters and
  /// broken UTF-8 are `?`, and it is cut at `logTextSizeMax` bytes.
  package var logText: [UInt8] {
    Self.printable(stored)
  }

  /// The first `limit` bytes at most, without a torn UTF-8 sequence at the end.
  package static func cut(_ bytes: [UInt8], to limit: Int) -> [UInt8] {
    guard bytes.count > limit else { return bytes }
    var end = max(limit, 0)
    while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
    return Array(bytes[..<end])
  }

  /// A peer's bytes as `logText` prints them.
  package static func printable(_ bytes: [UInt8]) -> [UInt8] {
    var text = cut(bytes, to: logTextSizeMax)
    var hasHighBytes = false
    for index in text.indices {
      if text[index] == ASCII.lf {
        text[index] = ASCII.space
      } else if text[index] < 32 || text[index] == 127 {
        text[index] = UInt8(ascii: "?")
      } else if text[index] >= 0x80 {
        hasHighBytes = true
      }
    }
    if hasHighBytes, String(validating: text, as: UTF8.self) == nil {
      let repaired = String(decoding: text, as: UTF8.self)
      text = Array(
        repaired.unicodeScalars.map { $0 == "\u{fffd}" ? "?" : String($0) }.joined().utf8)
    }
    return text
  }
}
