package import MailTypes
import Primitives

/// Why an address of the envelope was not understood.
package enum PathError: Error, Equatable, Sendable {
  /// Brackets or quotes that do not match, or text around the brackets.
  case unbalanced
  /// The local part is missing, begins with `-`, or holds what it may not.
  case badLocalPart
  /// The domain is neither a host name nor an address literal.
  case badDomain
}

/// Reads the paths of MAIL and RCPT as Postfix does by default: more than RFC 5321 4.1.2 allows,
/// but what comes out is always one address in canonical form.
///
/// The canonical form quotes the local part only where it must be, so two spellings of a mailbox
/// give the same bytes. Source routes are dropped (RFC 5321 appendix C), a phrase before inner
/// brackets too, and one dot at the end of the domain.
package enum PathParser {
  /// Parses a path with or without brackets; the null path `<>` gives `MailAddress.null`.
  ///
  /// With `strict` (`strict_rfc821_envelopes`) brackets are required and phrases refused.
  package static func parse(
    _ path: UnsafeRawBufferPointer, strict: Bool = false
  ) throws(PathError) -> MailAddress {
    var inner = 0..<path.count
    if inner.count >= 2, path[0] == UInt8(ascii: "<"), path[path.count - 1] == UInt8(ascii: ">") {
      inner = 1..<path.count - 1
    } else if strict {
      throw .unbalanced
    }
    if isPlain(path, inner) { return MailAddress(Array(path[inner])) }
    if !strict { inner = try innermost(path, inner) }
    inner = trimmed(path, inner)
    if inner.isEmpty { return .null }
    inner = withoutRoute(path, inner)
    return try canonical(path, inner, strict)
  }

  /// The common case, `user@host.example`: atoms and labels that need nothing done.
  private static func isPlain(_ path: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
    guard let first = range.first, path[first] != UInt8(ascii: "-"),
      path[first] != UInt8(ascii: "@")
    else { return false }
    var at = first
    while at < range.upperBound, isAtomByte(path[at]), path[at] < 0x80 { at += 1 }
    guard at < range.upperBound, path[at] == UInt8(ascii: "@") else { return false }
    return LocalPart.isDotString(UnsafeRawBufferPointer(rebasing: path[first..<at]))
      && HostSyntax.isHostname(UnsafeRawBufferPointer(rebasing: path[at + 1..<range.upperBound]))
  }

  /// Goes through phrases and doubled brackets to the address itself.
  private static func innermost(
    _ path: UnsafeRawBufferPointer, _ range: Range<Int>
  ) throws(PathError) -> Range<Int> {
    var opening: Int?
    var closing: Int?
    var quoted = false
    var at = range.lowerBound
    while at < range.upperBound {
      switch path[at] {
      case UInt8(ascii: "\\"): at += 1
      case UInt8(ascii: "\""): quoted.toggle()
      case UInt8(ascii: "<") where !quoted:
        guard closing == nil else { throw .unbalanced }
        opening = at
      case UInt8(ascii: ">") where !quoted:
        if closing == nil { closing = at }
      case let byte where closing != nil && !SMTPCommand.isSpace(byte):
        throw .unbalanced
      default: break
      }
      at += 1
    }
    switch (opening, closing) {
    case (nil, nil): return range
    case (let opening?, let closing?): return opening + 1..<closing
    default: throw .unbalanced
    }
  }

  private static func trimmed(
    _ path: UnsafeRawBufferPointer, _ range: Range<Int>
  ) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, SMTPCommand.isSpace(path[start]) { start += 1 }
    while end > start, SMTPCommand.isSpace(path[end - 1]) { end -= 1 }
    return start..<end
  }

  /// Drops `@a,@b:` before the mailbox.
  private static func withoutRoute(
    _ path: UnsafeRawBufferPointer, _ range: Range<Int>
  ) -> Range<Int> {
    guard path[range.lowerBound] == UInt8(ascii: "@"),
      let colon = range.first(where: { path[$0] == UInt8(ascii: ":") })
    else { return range }
    return colon + 1..<range.upperBound
  }

  private static func canonical(
    _ path: UnsafeRawBufferPointer, _ range: Range<Int>, _ strict: Bool
  ) throws(PathError) -> MailAddress {
    let at = lastAt(path, range)
    let local = try dequoted(path, range.lowerBound..<(at ?? range.upperBound))
    if strict, local.isEmpty { throw .badLocalPart }
    var text: [UInt8] = []
    text.reserveCapacity(range.count + 2)
    LocalPart.append(local, to: &text)
    guard let at else { return MailAddress(text) }
    var end = range.upperBound
    if end - at > 2, path[end - 1] == UInt8(ascii: ".") { end -= 1 }
    let domain = path[at + 1..<end]
    guard HostSyntax.isHostname(domain) || HostSyntax.address(ofLiteral: domain) != nil else {
      throw .badDomain
    }
    text.append(UInt8(ascii: "@"))
    text.append(contentsOf: domain)
    return MailAddress(text)
  }

  private static func lastAt(_ path: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
    var found: Int?
    var quoted = false
    var at = range.lowerBound
    while at < range.upperBound {
      switch path[at] {
      case UInt8(ascii: "\\"): at += 1
      case UInt8(ascii: "\""): quoted.toggle()
      case UInt8(ascii: "@") where !quoted: found = at
      default: break
      }
      at += 1
    }
    return found
  }

  /// The meaning of a local part: quotes and backslashes removed.
  private static func dequoted(
    _ path: UnsafeRawBufferPointer, _ range: Range<Int>
  ) throws(PathError) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(range.count)
    var quoted = false
    var hadQuotes = false
    var at = range.lowerBound
    while at < range.upperBound {
      var byte = path[at]
      var literal = quoted
      if byte == UInt8(ascii: "\"") {
        // A quoted string is a word of its own: dots stand beside it (RFC 5322 4.4).
        let beside = quoted ? at + 1 : at - 1
        if range.contains(beside), path[beside] != UInt8(ascii: ".") { throw .badLocalPart }
        quoted.toggle()
        hadQuotes = true
        at += 1
        continue
      }
      if byte == UInt8(ascii: "\\") {
        at += 1
        guard at < range.upperBound else { throw .badLocalPart }
        byte = path[at]
        literal = true
      }
      let allowed =
        literal
        ? byte >= ASCII.space && byte != 0x7f
        : isAtomByte(byte) || byte == UInt8(ascii: "@") || byte == UInt8(ascii: ":")
      guard allowed else { throw .badLocalPart }
      text.append(byte)
      at += 1
    }
    guard !quoted else { throw .unbalanced }
    guard hadQuotes || !text.isEmpty, text.first != UInt8(ascii: "-") else {
      throw .badLocalPart
    }
    return text
  }

  @inline(__always)
  private static func isAtomByte(_ byte: UInt8) -> Bool { LocalPart.isUnquoted[Int(byte)] }
}
