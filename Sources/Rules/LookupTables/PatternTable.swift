import CPCRE2
import Primitives

/// `regexp:` and `pcre:`: regular expressions with values; the first that matches counts.
///
/// Both are matched by PCRE2, those of POSIX in a spelling for it (`POSIXPattern`). Matching goes
/// back and forth, so it is done by a worker.
struct PatternTable: LookupTable {
  let name: String
  let owner: UInt32
  var hasPatterns: Bool { true }
  private let rules: ConditionalRules<RegularExpression>
  private let worker: any LookupWorker

  /// The two dialects: which letters behind a pattern stand for which options.
  enum Dialect: Sendable { case posix, perl }

  /// With `takesGroups` false a value that has a part of the key in it is an error.
  init(
    _ name: String, _ argument: String, _ dialect: Dialect, file: TableOpener.OwnedReader,
    worker: any LookupWorker, takesGroups: Bool = true,
    matchLimit: UInt32 = RegularExpression.matchLimit
  ) throws(LookupError) {
    self.name = name
    self.worker = worker
    var owner: UInt32 = 0
    let lines = try RuleText.lines(name, argument) { path in
      let found = file(path)
      owner = found?.owner ?? 0
      return found?.bytes
    }
    self.owner = owner
    rules = try ConditionalRules(
      table: name, lines: lines
    ) { text throws(RuleError) in
      try Self.line(text, dialect, takesGroups, matchLimit)
    }
  }

  /// The values of all rules, in order, by the numbers of their lines; those that take parts of the
  /// key as they stand.
  var values: [(line: Int, value: [UInt8])] {
    rules.values.map { ($0.line, Self.filled($0.value, [])) }
  }

  func find(_ key: [UInt8]) async throws(LookupError) -> [UInt8]? {
    try await worker.answer(to: { lookUp(key) }, of: name)
  }

  /// As `find`, without a worker: for few rules, short keys and a low limit.
  func findNow(_ key: [UInt8]) throws(LookupError) -> [UInt8]? { try lookUp(key).get() }

  private func lookUp(_ key: [UInt8]) -> Result<[UInt8]?, LookupError> {
    do throws(RuleError) {
      let found = try rules.first { pattern throws(RuleError) in try pattern.groups(in: key) }
      return .success(found.map { Self.filled($0.value, $0.match ?? []) })
    } catch {
      return .failure(.failed(table: name, reason: error.reason))
    }
  }

  /// Reads `/pattern/flags value`, `!/pattern/flags value`, `if /pattern/flags` and `endif`.
  private static func line(
    _ text: [UInt8], _ dialect: Dialect, _ takesGroups: Bool, _ matchLimit: UInt32
  ) throws(RuleError) -> ConditionalRules<RegularExpression>.Line {
    if ASCII.equalFolded(text, "endif".utf8) { return .end }
    var rest = text[...]
    let isCondition = ASCII.equalFolded(rest.prefix(2), "if".utf8)
    if isCondition { rest = ASCII.trimmed(rest.dropFirst(2)) }
    var isNegated = false
    while rest.first == UInt8(ascii: "!") {
      isNegated.toggle()
      rest = ASCII.trimmed(rest.dropFirst())
    }
    let (pattern, flags, behind) = try parts(rest)
    let expression = try expression(pattern, flags, dialect, matchLimit)
    let value = ASCII.trimmed(behind)
    if isCondition {
      guard value.isEmpty else { throw RuleError(reason: "text behind the condition") }
      return .condition(expression, isNegated: isNegated)
    }
    try check(value, groups: isNegated ? 0 : expression.groupCount, takesGroups)
    return .rule(expression, isNegated: isNegated, value: Array(value))
  }

  private static func parts(
    _ text: ArraySlice<UInt8>
  ) throws(RuleError) -> ([UInt8], ArraySlice<UInt8>, ArraySlice<UInt8>) {
    guard let delimiter = text.first, !ASCII.isLetter(delimiter), !ASCII.isDigit(delimiter),
      !ASCII.isSpace(delimiter), delimiter != UInt8(ascii: "\\")
    else { throw RuleError(reason: "expected /pattern/flags value") }
    var pattern: [UInt8] = []
    var index = text.startIndex + 1
    while index < text.endIndex, text[index] != delimiter {
      if text[index] == UInt8(ascii: "\\"), index + 1 < text.endIndex {
        pattern.append(text[index])
        index += 1
      }
      pattern.append(text[index])
      index += 1
    }
    guard index < text.endIndex else { throw RuleError(reason: "the pattern has no end") }
    let rest = text[(index + 1)...]
    let flags = rest.prefix { !ASCII.isSpace($0) }
    return (pattern, flags, rest[flags.endIndex...])
  }

  /// Compiles a pattern. Flags toggle what is so by default: case does not matter, a dot stands for
  /// line ends too, and POSIX's syntax is the extended one.
  private static func expression(
    _ pattern: [UInt8], _ flags: ArraySlice<UInt8>, _ dialect: Dialect, _ matchLimit: UInt32
  ) throws(RuleError) -> RegularExpression {
    var options = UInt32(PCRE2_CASELESS | PCRE2_DOTALL)
    var isExtended = true
    for flag in flags {
      switch (flag, dialect) {
      case (UInt8(ascii: "i"), _): options ^= UInt32(PCRE2_CASELESS)
      case (UInt8(ascii: "m"), .perl): options ^= UInt32(PCRE2_MULTILINE)
      case (UInt8(ascii: "m"), .posix): options ^= UInt32(PCRE2_MULTILINE | PCRE2_DOTALL)
      case (UInt8(ascii: "x"), .posix): isExtended.toggle()
      case (UInt8(ascii: "s"), .perl): options ^= UInt32(PCRE2_DOTALL)
      case (UInt8(ascii: "x"), .perl): options ^= UInt32(PCRE2_EXTENDED)
      case (UInt8(ascii: "A"), .perl): options ^= UInt32(PCRE2_ANCHORED)
      case (UInt8(ascii: "E"), .perl): options ^= UInt32(PCRE2_DOLLAR_ENDONLY)
      case (UInt8(ascii: "U"), .perl): options ^= UInt32(PCRE2_UNGREEDY)
      // It made unknown escapes an error, which PCRE2 always does.
      case (UInt8(ascii: "X"), .perl): break
      default:
        let letter = String(decoding: [flag], as: UTF8.self)
        throw RuleError(reason: "\"\(letter)\" behind the pattern is not known")
      }
    }
    if dialect == .perl {
      return try RegularExpression(pattern, options: options, matchLimit: matchLimit)
    }
    let isMultiline = options & UInt32(PCRE2_MULTILINE) != 0
    let spelled = try POSIXPattern(pattern, isExtended: isExtended, isMultiline: isMultiline)
    return try RegularExpression(
      spelled.perl, options: options | UInt32(PCRE2_DOLLAR_ENDONLY), matchLimit: matchLimit)
  }
}

/// `$1`, `${1}` and `$(1)` in values.
extension PatternTable {
  private enum Piece {
    case text(ArraySlice<UInt8>)
    case group(Int)
  }

  private static func check(
    _ value: ArraySlice<UInt8>, groups: Int, _ takesGroups: Bool
  ) throws(RuleError) {
    for case .group(let number) in try pieces(value) {
      guard takesGroups else {
        throw RuleError(
          reason: "$\(number) is not allowed here: who is looked up would choose the value")
      }
      guard number <= groups else {
        throw RuleError(reason: "the pattern has no group $\(number)")
      }
    }
  }

  private static func filled(_ value: [UInt8], _ groups: [[UInt8]]) -> [UInt8] {
    guard value.contains(UInt8(ascii: "$")) else { return value }
    // It was read without an error when the table was opened.
    let pieces = (try? pieces(value[...])) ?? []
    return pieces.flatMap { piece -> [UInt8] in
      switch piece {
      case .text(let text): Array(text)
      case .group(let number): number < groups.count ? groups[number] : []
      }
    }
  }

  private static func pieces(_ value: ArraySlice<UInt8>) throws(RuleError) -> [Piece] {
    var pieces: [Piece] = []
    var rest = value
    while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
      pieces.append(.text(rest[..<dollar]))
      rest = rest[(dollar + 1)...]
      if rest.first == UInt8(ascii: "$") {
        pieces.append(.text(rest.prefix(1)))
        rest = rest.dropFirst()
        continue
      }
      let closing: UInt8? =
        switch rest.first {
        case UInt8(ascii: "{"): UInt8(ascii: "}")
        case UInt8(ascii: "("): UInt8(ascii: ")")
        default: nil
        }
      if closing != nil { rest = rest.dropFirst() }
      let digits = rest.prefix(while: ASCII.isDigit)
      guard let number = Int(String(decoding: digits, as: UTF8.self)) else {
        throw RuleError(reason: "a \"$\" needs the number of a group, or another \"$\"")
      }
      rest = rest[digits.endIndex...]
      if let closing {
        guard rest.first == closing else { throw RuleError(reason: "a brace has no partner") }
        rest = rest.dropFirst()
      }
      pieces.append(.group(number))
    }
    pieces.append(.text(rest))
    return pieces
  }
}
