import Primitives

/// What stands between brackets in a POSIX regular expression, as the bytes that are in it.
struct BracketSet {
  private var isMember = [Bool](repeating: false, count: 256)
  private var isNegated = false

  /// Reads what follows the opening bracket, up to the closing one.
  init(_ text: inout ArraySlice<UInt8>) throws(RuleError) {
    if text.first == UInt8(ascii: "^") {
      isNegated = true
      text.removeFirst()
    }
    var isFirst = true
    while true {
      guard let byte = text.first else { throw RuleError(reason: "a bracket has no partner") }
      if byte == UInt8(ascii: "]"), !isFirst {
        text.removeFirst()
        return
      }
      isFirst = false
      if text.starts(with: "[:".utf8) {
        try addClass(try Self.takeName(&text, closing: UInt8(ascii: ":")))
        continue
      }
      let start = try Self.takeElement(&text)
      guard text.first == UInt8(ascii: "-"), let next = text.dropFirst().first,
        next != UInt8(ascii: "]")
      else {
        isMember[Int(start)] = true
        continue
      }
      text.removeFirst()
      let end = try Self.takeElement(&text)
      guard start <= end else {
        throw RuleError(reason: "a range between brackets is the wrong way round")
      }
      for member in start...end { isMember[Int(member)] = true }
    }
  }

  /// The set in the syntax of PCRE2.
  func perl(withoutLineEnds: Bool) -> [UInt8] {
    var members = isMember
    if isNegated, withoutLineEnds { members[Int(ASCII.lf)] = true }
    var text = Array((isNegated ? "[^" : "[").utf8)
    var byte = 0
    while byte < members.count {
      guard members[byte] else {
        byte += 1
        continue
      }
      let start = byte
      while byte + 1 < members.count, members[byte + 1] { byte += 1 }
      Self.append(start, to: &text)
      if byte > start {
        text.append(UInt8(ascii: "-"))
        Self.append(byte, to: &text)
      }
      byte += 1
    }
    text.append(UInt8(ascii: "]"))
    return text
  }

  private static func append(_ byte: Int, to text: inout [UInt8]) {
    text.append(text: "\\x")
    text.append(hex: UInt64(byte), width: 2)
  }

  /// Takes a character, also as `[.x.]` or `[=x=]`: in the C locale it stands for itself alone.
  private static func takeElement(_ text: inout ArraySlice<UInt8>) throws(RuleError) -> UInt8 {
    for closing in ".=".utf8 where text.starts(with: [UInt8(ascii: "["), closing]) {
      let name = try takeName(&text, closing: closing)
      guard name.count == 1, let byte = name.first else {
        throw RuleError(reason: "no character has the name between brackets")
      }
      return byte
    }
    guard let byte = text.popFirst() else { throw RuleError(reason: "a bracket has no partner") }
    return byte
  }

  /// Takes `[:name:]` and the like.
  private static func takeName(
    _ text: inout ArraySlice<UInt8>, closing: UInt8
  ) throws(RuleError) -> ArraySlice<UInt8> {
    let name = text.dropFirst(2)
    var end = name.startIndex
    while end < name.endIndex {
      if name[end...].starts(with: [closing, UInt8(ascii: "]")]), end > name.startIndex {
        text = name[(end + 2)...]
        return name[..<end]
      }
      end += 1
    }
    throw RuleError(reason: "a bracket has no partner")
  }

  private mutating func addClass(_ name: ArraySlice<UInt8>) throws(RuleError) {
    let name = String(decoding: name, as: UTF8.self)
    guard let contains = Self.classes[name] else {
      throw RuleError(reason: "no class of characters is named [:\(name):]")
    }
    for byte in UInt8.min...UInt8.max where contains(byte) { isMember[Int(byte)] = true }
  }

  /// The classes of the C locale.
  private static let classes: [String: @Sendable (UInt8) -> Bool] = [
    "alpha": { ASCII.isLetter($0) }, "digit": { ASCII.isDigit($0) },
    "alnum": { ASCII.isLetter($0) || ASCII.isDigit($0) },
    "upper": { ASCII.isLetter($0) && $0 & 0x20 == 0 },
    "lower": { ASCII.isLetter($0) && $0 & 0x20 != 0 },
    "space": { $0 == ASCII.space || (9...13).contains($0) },
    "blank": { $0 == ASCII.space || $0 == ASCII.tab },
    "punct": { (0x21...0x7e).contains($0) && !ASCII.isLetter($0) && !ASCII.isDigit($0) },
    "print": { (0x20...0x7e).contains($0) }, "graph": { (0x21...0x7e).contains($0) },
    "cntrl": { $0 < 0x20 || $0 == 0x7f },
    "xdigit": { ASCII.isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0 | 0x20) },
  ]
}
