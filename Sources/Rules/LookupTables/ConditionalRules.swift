import Primitives

/// The rules of a pattern table in their order, with `if` and `endif`: `regexp:`, `pcre:` and
/// `cidr:`.
struct ConditionalRules<Pattern: Sendable>: Sendable {
  /// The deepest nesting of `if`.
  private static var depthMax: Int { 100 }

  enum Rule: Sendable {
    /// A pattern and the value of what matches it.
    case value(Pattern, isNegated: Bool, [UInt8])
    /// Rules up to `end` count only for what matches the pattern.
    case condition(Pattern, isNegated: Bool, end: Int)
  }

  private var rules: [Rule] = []
  /// The numbers of the lines of `rules`.
  private var numbers: [Int] = []
  private var open: [Int] = []

  /// What a line says, as its table's type reads it.
  enum Line {
    case rule(Pattern, isNegated: Bool, value: [UInt8])
    case condition(Pattern, isNegated: Bool)
    case end
  }

  /// Reads lines with `parse`, which throws a reason.
  ///
  /// Throws `.malformed` with the number of the line.
  init(
    table: String, lines: [(number: Int, text: [UInt8])],
    parse: ([UInt8]) throws(RuleError) -> Line
  ) throws(LookupError) {
    for line in lines {
      do throws(RuleError) {
        try add(try parse(line.text), line.number)
      } catch {
        throw .malformed(table: table, reason: "line \(line.number): \(error.reason)")
      }
    }
    guard open.isEmpty else {
      throw .malformed(table: table, reason: "an \"if\" has no \"endif\"")
    }
  }

  private mutating func add(_ line: Line, _ number: Int) throws(RuleError) {
    switch line {
    case .rule(let pattern, let isNegated, let value):
      guard !value.isEmpty else { throw RuleError(reason: "a value is missing") }
      rules.append(.value(pattern, isNegated: isNegated, value))
      numbers.append(number)
    case .condition(let pattern, let isNegated):
      guard open.count < Self.depthMax else { throw RuleError(reason: "\"if\" is too deep") }
      open.append(rules.count)
      rules.append(.condition(pattern, isNegated: isNegated, end: 0))
      numbers.append(number)
    case .end:
      guard let start = open.popLast(),
        case .condition(let pattern, let isNegated, _) = rules[start]
      else { throw RuleError(reason: "an \"endif\" has no \"if\"") }
      rules[start] = .condition(pattern, isNegated: isNegated, end: rules.count)
    }
  }

  /// All values, in order, by the numbers of their lines.
  var values: [(line: Int, value: [UInt8])] {
    zip(numbers, rules).compactMap { number, rule in
      if case .value(_, _, let value) = rule { (number, value) } else { nil }
    }
  }

  /// The first value whose pattern matches; `match` gives what a pattern found, or `nil`.
  func first<Match, Failure: Error>(
    _ match: (Pattern) throws(Failure) -> Match?
  ) throws(Failure) -> (value: [UInt8], match: Match?)? {
    var index = 0
    while index < rules.count {
      switch rules[index] {
      case .value(let pattern, let isNegated, let value):
        let found = try match(pattern)
        if (found != nil) != isNegated { return (value, found) }
        index += 1
      case .condition(let pattern, let isNegated, let end):
        index = (try match(pattern) != nil) != isNegated ? index + 1 : end
      }
    }
    return nil
  }
}

/// What is wrong with a line of a pattern table.
struct RuleError: Error {
  let reason: String
}

/// The lines of a pattern table: of its file, or of `type:{ {line}, {line} }`.
enum RuleText {
  static func lines(
    _ name: String, _ argument: String, read: (String) -> [UInt8]?
  ) throws(LookupError) -> [(number: Int, text: [UInt8])] {
    guard argument.hasPrefix("{") else {
      guard let bytes = read(argument) else { throw .unreadable(path: argument) }
      return LogicalLines(bytes).lines.map { ($0.number, $0.text) }
    }
    let separates = { (byte: UInt8) in byte == UInt8(ascii: ",") || ASCII.isSpace(byte) }
    guard let inside = BracedWords.group(argument.utf8),
      let groups = BracedWords.split(inside, isSeparator: separates)
    else { throw .malformed(table: name, reason: "a brace has no partner") }
    var lines: [(number: Int, text: [UInt8])] = []
    for (index, group) in groups.enumerated() {
      guard let text = BracedWords.group(group) else {
        throw .malformed(table: name, reason: "expected { rule }, { rule } … between the braces")
      }
      lines.append((index + 1, Array(ASCII.trimmed(text[...]))))
    }
    return lines
  }
}
