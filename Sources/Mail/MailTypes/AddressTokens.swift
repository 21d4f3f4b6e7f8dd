import Primitives

/// An address taken apart at its operators, the form in which routes are looked for.
struct AddressTokens: Sendable {
  enum Token: Equatable, Sendable {
    case op(UInt8)
    case atom([UInt8])
    case quoted([UInt8])
    case literal([UInt8])
  }

  private(set) var tokens: ArraySlice<Token> = []

  init() {}

  /// Takes the quoted (wire) form of an address apart; unclosed quotes end with the address.
  init(external bytes: [UInt8]) {
    var at = 0
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") {
        tokens.append(.quoted(Self.quotedText(bytes, &at)))
      } else if byte == UInt8(ascii: "[") {
        let start = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "]") { at += 1 }
        at = min(at + 1, bytes.count)
        tokens.append(.literal(Array(bytes[start..<at])))
      } else if Self.isOperator(byte) {
        tokens.append(.op(byte))
        at += 1
      } else {
        var text: [UInt8] = []
        while at < bytes.count, !Self.endsAtom(bytes[at]) {
          if bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count { at += 1 }
          text.append(bytes[at])
          at += 1
        }
        tokens.append(.atom(text))
      }
    }
  }

  private static func quotedText(_ bytes: [UInt8], _ at: inout Int) -> [UInt8] {
    var text: [UInt8] = []
    at += 1
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count { at += 1 }
      text.append(bytes[at])
      at += 1
    }
    at = min(at + 1, bytes.count)
    return text
  }

  private static func isOperator(_ byte: UInt8) -> Bool {
    "@.:!%,".utf8.contains(byte)
  }

  private static func endsAtom(_ byte: UInt8) -> Bool {
    isOperator(byte) || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "[")
  }

  /// Whether the address is `atoms@domain` without any character that could be a route.
  static func isPlain(_ address: MailAddress) -> Bool {
    guard let at = address.atIndex, at > 0, at + 1 < address.bytes.count else { return false }
    return address.bytes.withUnsafeBufferPointer { bytes in
      for index in 0..<at where !isPlainText(bytes[index]) { return false }
      for index in (at + 1)..<bytes.count where !isPlainText(bytes[index]) { return false }
      return bytes[at + 1] != UInt8(ascii: ".") && bytes[bytes.count - 1] != UInt8(ascii: ".")
        && LocalPart.isDotString(bytes[..<at])
        && bytes.contains { !ASCII.isDigit($0) && $0 != 0x2e }
    } && !isNumeric(address.domain)
  }

  private static func isNumeric(_ domain: ArraySlice<UInt8>) -> Bool {
    domain.allSatisfy { ASCII.isDigit($0) || $0 == UInt8(ascii: ".") }
  }

  private static func isPlainText(_ byte: UInt8) -> Bool {
    ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte >= 0x80
      || "-_.+=&'*/?^`{|}~#$".utf8.contains(byte)
  }

  /// The address without quotes, as look-ups and comparisons use it.
  var internalForm: [UInt8] { Self.internalForm(tokens) }

  static func internalForm(_ tokens: ArraySlice<Token>) -> [UInt8] {
    var bytes: [UInt8] = []
    for token in tokens {
      switch token {
      case .op(let byte): bytes.append(byte)
      case .atom(let text), .quoted(let text), .literal(let text): bytes += text
      }
    }
    return bytes
  }

  /// The wire form of an unquoted address: what stands before the last `@` is quoted where it is
  /// no dot-string.
  static func quoted(internal bytes: [UInt8]) -> [UInt8] {
    let at = bytes.lastIndex(of: UInt8(ascii: "@")) ?? bytes.count
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + 2)
    LocalPart.append(bytes[..<at], to: &result)
    return result + bytes[at...]
  }

  func contains(_ op: Unicode.Scalar) -> Bool { tokens.contains(.op(UInt8(ascii: op))) }

  /// What stands behind the last `@` operator; `nil` without one.
  var domain: ArraySlice<Token>? {
    guard let at = tokens.lastIndex(of: .op(UInt8(ascii: "@"))) else { return nil }
    return tokens[(at + 1)...]
  }

  /// Cuts off the last `@` operator and what follows, and returns it.
  mutating func removeDomain() -> ArraySlice<Token>? {
    guard let at = tokens.lastIndex(of: .op(UInt8(ascii: "@"))) else { return nil }
    defer { tokens = tokens[..<at] }
    return tokens[at...]
  }

  mutating func append(_ more: ArraySlice<Token>) { tokens += more }

  mutating func append(domain: String) {
    tokens += AddressTokens(external: Array("@\(domain)".utf8)).tokens
  }

  /// Whether nothing, or only an empty quoted string, is left.
  var isEmptyAddress: Bool { tokens.isEmpty || (tokens.count == 1 && tokens.first == .quoted([])) }

  /// Drops the dot behind a domain, but leaves `@.` and `..` as the bad addresses they are.
  mutating func stripTrailingDot() {
    let dot = Token.op(UInt8(ascii: "."))
    guard tokens.count > 1, tokens.last == dot, contains("@") else { return }
    let previous = tokens[tokens.endIndex - 2]
    if previous != dot, previous != .op(UInt8(ascii: "@")) { tokens.removeLast() }
  }

  mutating func stripTrailingAt() {
    if tokens.last == .op(UInt8(ascii: "@")) { tokens.removeLast() }
  }

  /// Brings the address to `user@domain`: drops a source route, turns `site!user` and
  /// `user%domain` round, appends the origin where there is no domain, and `mydomain` to a host
  /// without one.
  mutating func rewrite(by resolver: AddressResolver) {
    if isEmptyAddress { return }
    if tokens.count == 1, contains("@") {
      tokens = [.quoted([])]
      return
    }
    let colon = Token.op(UInt8(ascii: ":"))
    if tokens.first == .op(UInt8(ascii: "@")), let end = tokens.firstIndex(of: colon),
      end + 1 < tokens.endIndex
    {
      tokens = tokens[(end + 1)...]
    }
    if !contains("@") {
      if resolver.swapBangPath, let bang = tokens.firstIndex(of: .op(UInt8(ascii: "!"))) {
        tokens = tokens[(bang + 1)...] + [.op(UInt8(ascii: "@"))] + tokens[..<bang]
      } else if resolver.allowPercentHack,
        let percent = tokens.lastIndex(of: .op(UInt8(ascii: "%")))
      {
        tokens[percent] = .op(UInt8(ascii: "@"))
      } else if !resolver.myorigin.isEmpty {
        append(domain: resolver.myorigin)
      }
    }
    if !resolver.mydomain.isEmpty, hasBareHost {
      tokens += Self(external: Array(".\(resolver.mydomain)".utf8)).tokens
    }
    stripTrailingDot()
  }

  /// Whether the domain is a name without any dot.
  private var hasBareHost: Bool {
    guard let domain, !domain.isEmpty else { return false }
    return domain.allSatisfy { token in
      switch token {
      case .literal, .op(UInt8(ascii: ".")): false
      default: true
      }
    }
  }

  /// Opens a local part that is one quoted string with a routing operator in it, which is what a
  /// host that forwards the bare text would follow; whether there was one.
  mutating func crackQuotedRoute(by resolver: AddressResolver) -> Bool {
    guard tokens.count == 1, case .quoted(var text)? = tokens.first else { return false }
    if !text.contains(UInt8(ascii: "@")) {
      if resolver.allowPercentHack, let percent = text.lastIndex(of: UInt8(ascii: "%")) {
        text[percent] = UInt8(ascii: "@")
      } else if resolver.swapBangPath, let bang = text.firstIndex(of: UInt8(ascii: "!")) {
        text = text[(bang + 1)...] + [UInt8(ascii: "@")] + text[..<bang]
      } else {
        return false
      }
    }
    tokens = AddressTokens(external: Self.quoted(internal: text)).tokens
    return true
  }
}
