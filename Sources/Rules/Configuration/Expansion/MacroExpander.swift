import Primitives

/// Replaces `$name`, `${name}`, `${name?text}`, `${{a}==b?{c}:{d}}` and their kin in a value.
///
/// The syntax is that of postconf(5). A condition tests whether the text of the named parameter
/// is empty *before* that text is expanded, as in Postfix.
struct MacroExpander {
  /// The longest value that expansion may produce, in bytes.
  static let lengthLimit = 1 << 18
  /// How deep expressions and references may nest.
  static let depthLimit = 100

  /// The names that were referred to and have no value.
  private(set) var undefinedNames: [String] = []
  private let lookup: (String) throws(ConfigurationError) -> String?
  private var activeNames: [String] = []
  private var depth = 0
  private var room = lengthLimit

  /// Makes an expander; `lookup` gives the unexpanded text of a parameter.
  init(lookup: @escaping (String) throws(ConfigurationError) -> String?) {
    self.lookup = lookup
  }

  /// Expands a value that belongs to the parameter `owner`.
  mutating func expand(_ text: String, owner: String) throws(ConfigurationError) -> String {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
    var out: [UInt8] = []
    activeNames = [owner]
    depth = 0
    room = Self.lengthLimit
    try expand(Array(text.utf8)[...], into: &out)
    return String(decoding: out, as: UTF8.self)
  }

  private mutating func expand(
    _ text: ArraySlice<UInt8>, into out: inout [UInt8]
  ) throws(ConfigurationError) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      throw .malformed("expressions nest deeper than \(Self.depthLimit) levels")
    }
    var cursor = MacroCursor(text)
    while !cursor.isAtEnd {
      try append(cursor.takeLiteral(), to: &out)
      guard cursor.next() != nil else { return }
      switch cursor.peek {
      case UInt8(ascii: "$"):
        cursor = MacroCursor(cursor.rest.dropFirst())
        try append([UInt8(ascii: "$")], to: &out)
      case UInt8(ascii: "{"), UInt8(ascii: "("):
        guard let body = cursor.takeBracketed() else {
          throw .malformed("an expression is not closed in \"\(text.text)\"")
        }
        try expandExpression(body, into: &out)
      default:
        let name = cursor.takeName()
        guard !name.isEmpty else {
          throw .malformed("'$' without a name in \"\(text.text)\"; write '$$' for a dollar sign")
        }
        try expandName(name.text, into: &out)
      }
    }
  }

  /// Expands what stands inside `${…}`.
  private mutating func expandExpression(
    _ body: ArraySlice<UInt8>, into out: inout [UInt8]
  ) throws(ConfigurationError) {
    var cursor = MacroCursor(body)
    cursor.skipSpaces()
    let name: String?
    var holds = false
    if cursor.peek == UInt8(ascii: "{") {
      name = nil
      holds = try comparison(&cursor, in: body)
    } else {
      let word = cursor.takeName()
      guard !word.isEmpty else { throw .malformed("a name is missing in \"${\(body.text)}\"") }
      name = word.text
    }
    cursor.skipSpaces()
    guard let mark = cursor.next() else {
      if let name { return try expandName(name, into: &out) }
      return holds ? try append(Array("true".utf8)[...], to: &out) : ()
    }
    if let name { holds = try !textOf(name).isEmpty }
    let branches = try Self.branches(after: mark, &cursor, in: body)
    if let chosen = holds ? branches.0 : branches.1 { try expand(chosen, into: &out) }
  }

  private mutating func expandName(
    _ name: String, into out: inout [UInt8]
  ) throws(ConfigurationError) {
    guard !activeNames.contains(name) else { throw .recursion(name) }
    room -= 1  // Bounds the work also where many references add no text.
    let text = try textOf(name)
    activeNames.append(name)
    try expand(Array(text.utf8)[...], into: &out)
    activeNames.removeLast()
  }

  /// The unexpanded text of a name; names without one count as empty and are remembered.
  private mutating func textOf(_ name: String) throws(ConfigurationError) -> String {
    if let text = try lookup(name) { return text }
    if !undefinedNames.contains(name) { undefinedNames.append(name) }
    return ""
  }

  private mutating func append(
    _ bytes: ArraySlice<UInt8>, to out: inout [UInt8]
  ) throws(ConfigurationError) {
    room -= bytes.count
    guard room >= 0 else { throw .tooLong(Self.lengthLimit) }
    out.append(contentsOf: bytes)
  }

  /// Evaluates `{left} operator {right}`.
  private mutating func comparison(
    _ cursor: inout MacroCursor, in body: ArraySlice<UInt8>
  ) throws(ConfigurationError) -> Bool {
    guard let left = cursor.takeBracketed() else {
      throw .malformed("a group is not closed in \"\(body.text)\"")
    }
    cursor.skipSpaces()
    let sign = cursor.take { "=!<>".utf8.contains($0) }
    let suffix = cursor.take(while: ASCII.isLetter)
    guard let relation = Relation(sign: sign.text, suffix: suffix.text) else {
      throw .malformed(
        "expected one of == != < <= > >= (or with 'level' behind) in \"\(body.text)\"")
    }
    guard let right = cursor.takeGroup() else {
      throw .malformed("expected {value} after \(sign.text) in \"\(body.text)\"")
    }
    var values: ([UInt8], [UInt8]) = ([], [])
    try expand(left, into: &values.0)
    try expand(right, into: &values.1)
    return try relation.holds(values.0, values.1)
  }

  /// The two texts of a conditional: for true and for false.
  private static func branches(
    after mark: UInt8, _ cursor: inout MacroCursor, in body: ArraySlice<UInt8>
  ) throws(ConfigurationError) -> (ArraySlice<UInt8>?, ArraySlice<UInt8>?) {
    switch mark {
    case UInt8(ascii: ":"):
      return (nil, try lastBranch(&cursor, in: body))
    case UInt8(ascii: "?"):
      guard let first = cursor.takeGroup() else { return (cursor.rest, nil) }
      cursor.skipSpaces()
      guard let colon = cursor.next() else { return (first, nil) }
      guard colon == UInt8(ascii: ":") else {
        throw .malformed("expected ':' after the group in \"${\(body.text)}\"")
      }
      return (first, try lastBranch(&cursor, in: body))
    default:
      throw .malformed("expected '?', ':' or the end in \"${\(body.text)}\"")
    }
  }

  private static func lastBranch(
    _ cursor: inout MacroCursor, in body: ArraySlice<UInt8>
  ) throws(ConfigurationError) -> ArraySlice<UInt8> {
    guard let group = cursor.takeGroup() else { return cursor.rest }
    cursor.skipSpaces()
    guard cursor.isAtEnd else {
      throw .malformed("unexpected text after the last group in \"${\(body.text)}\"")
    }
    return group
  }
}
