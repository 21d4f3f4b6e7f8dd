import Primitives

/// A regular expression in POSIX's syntax, extended or basic (with the additions of the GNU
/// library), spelled for PCRE2.
///
/// The two syntaxes differ in what a backslash means, also inside brackets, in where `^`, `*` and
/// braces are ordinary characters, and in what is an error.
struct POSIXPattern {
  /// The most repetitions of an interval (`RE_DUP_MAX` of the GNU library).
  private static let repetitionMax = 0x7fff

  /// The pattern in Perl's syntax.
  private(set) var perl: [UInt8] = []
  private let isExtended: Bool
  private let isMultiline: Bool
  private var rest: ArraySlice<UInt8>
  /// Where the thing begins that a quantifier would repeat; `nil` where there is none.
  private var atom: Int?
  private var isQuantified = false
  /// Where groups that have no end yet begin.
  private var open: [Int] = []
  private var groupCount = 0

  /// Reads a pattern.
  ///
  /// - Parameters:
  ///   - isExtended: whether parentheses, braces, `+`, `?` and `|` are operators without a
  ///     backslash.
  ///   - isMultiline: whether a set of what is not in it leaves line ends out too.
  init(_ pattern: [UInt8], isExtended: Bool, isMultiline: Bool) throws(RuleError) {
    self.isExtended = isExtended
    self.isMultiline = isMultiline
    rest = pattern[...]
    while let byte = rest.popFirst() { try take(byte) }
    guard open.isEmpty else { throw RuleError(reason: "a parenthesis has no partner") }
  }

  private mutating func take(_ byte: UInt8) throws(RuleError) {
    switch byte {
    case UInt8(ascii: "\\"): try takeEscaped()
    case UInt8(ascii: "["):
      begin()
      perl += try BracketSet(&rest).perl(withoutLineEnds: isMultiline)
    case UInt8(ascii: "."):
      begin()
      perl.append(byte)
    case UInt8(ascii: "*"): try takeQuantifier(byte)
    case UInt8(ascii: "^") where isExtended || isAtBranchStart: takeAnchor("^")
    case UInt8(ascii: "$") where isExtended || isAtBranchEnd: takeAnchor("$")
    case _ where isExtended && "(){|+?".utf8.contains(byte): try takeOperator(byte)
    default: takeLiteral(byte)
    }
  }

  private mutating func takeEscaped() throws(RuleError) {
    guard let byte = rest.popFirst() else { throw RuleError(reason: "a backslash is at the end") }
    switch byte {
    case _ where !isExtended && "(){|+?".utf8.contains(byte): try takeOperator(byte)
    case UInt8(ascii: "1")...UInt8(ascii: "9"):
      let number = Int(byte - UInt8(ascii: "0"))
      guard number <= groupCount else {
        throw RuleError(reason: "the pattern has no group \(number) before \\\(number)")
      }
      begin()
      perl += Array("\\g{\(number)}".utf8)
    case _ where "wWsS".utf8.contains(byte):
      begin()
      perl += [UInt8(ascii: "\\"), byte]
    case UInt8(ascii: "b"): takeAnchor("\\b")
    case UInt8(ascii: "B"): takeAnchor("\\B")
    case UInt8(ascii: "<"): takeAnchor("\\b(?=\\w)")
    case UInt8(ascii: ">"): takeAnchor("\\b(?<=\\w)")
    case UInt8(ascii: "`"): takeAnchor("\\A")
    case UInt8(ascii: "'"): takeAnchor("\\z")
    default: takeLiteral(byte)
    }
  }

  /// Takes what an operator without its backslash stands for.
  private mutating func takeOperator(_ byte: UInt8) throws(RuleError) {
    switch byte {
    case UInt8(ascii: "("):
      open.append(perl.count)
      groupCount += 1
      perl.append(byte)
      atom = nil
    case UInt8(ascii: ")"):
      guard let start = open.popLast() else {
        guard isExtended else { throw RuleError(reason: "a parenthesis has no partner") }
        return takeLiteral(byte)
      }
      perl.append(byte)
      atom = start
      isQuantified = false
    case UInt8(ascii: "|"):
      perl.append(byte)
      atom = nil
    default: try takeQuantifier(byte)
    }
  }

  /// Takes `*`, `+`, `?` or an opening brace.
  private mutating func takeQuantifier(_ byte: UInt8) throws(RuleError) {
    guard let start = atom else {
      if !isExtended, byte != UInt8(ascii: "{") { return takeLiteral(byte) }
      throw RuleError(reason: "nothing is there to be repeated")
    }
    if isQuantified {
      perl.insert(contentsOf: "(?:".utf8, at: start)
      perl.append(UInt8(ascii: ")"))
    }
    isQuantified = true
    if byte == UInt8(ascii: "{") {
      perl += try takeInterval()
    } else {
      perl.append(byte)
    }
  }

  /// The interval behind an opening brace, with both bounds spelled out.
  private mutating func takeInterval() throws(RuleError) -> [UInt8] {
    let least = try takeNumber()
    var most = least
    var isOpen = false
    if rest.first == UInt8(ascii: ",") {
      rest.removeFirst()
      most = try takeNumber()
      isOpen = most == nil
    } else if least == nil {
      throw RuleError(reason: "a brace without a number")
    }
    let end: StaticString = isExtended ? "}" : "\\}"
    guard rest.starts(with: end.description.utf8) else {
      throw RuleError(reason: "a brace has no partner")
    }
    rest.removeFirst(end.utf8CodeUnitCount)
    let from = least ?? 0
    if isOpen { return Array("{\(from),}".utf8) }
    guard let most, from <= most else {
      throw RuleError(reason: "the bounds between braces are the wrong way round")
    }
    return Array("{\(from),\(most)}".utf8)
  }

  private mutating func takeNumber() throws(RuleError) -> Int? {
    let digits = rest.prefix(while: ASCII.isDigit)
    guard !digits.isEmpty else { return nil }
    rest = rest[digits.endIndex...]
    guard let number = Int(String(decoding: digits, as: UTF8.self)),
      number <= Self.repetitionMax
    else { throw RuleError(reason: "more than \(Self.repetitionMax) repetitions") }
    return number
  }

  private mutating func takeLiteral(_ byte: UInt8) {
    begin()
    if byte < 0x80, !ASCII.isLetter(byte), !ASCII.isDigit(byte) {
      perl.append(UInt8(ascii: "\\"))
    }
    perl.append(byte)
  }

  /// Takes a place, which cannot be repeated.
  private mutating func takeAnchor(_ text: StaticString) {
    perl.append(text: text)
    atom = nil
  }

  private mutating func begin() {
    atom = perl.count
    isQuantified = false
  }

  /// Whether nothing stands before in this branch of a basic pattern.
  private var isAtBranchStart: Bool {
    atom == nil && (perl.isEmpty || perl.last.map("(|".utf8.contains) == true)
  }

  /// Whether nothing follows in this branch of a basic pattern.
  private var isAtBranchEnd: Bool {
    rest.isEmpty || rest.starts(with: "\\)".utf8) || rest.starts(with: "\\|".utf8)
  }
}
