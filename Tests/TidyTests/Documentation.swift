/// Every declaration that other targets can see says what it is.
enum Documentation {
  private static let modifiers: Set = [
    "final", "static", "class", "mutating", "nonmutating", "consuming", "borrowing", "nonisolated",
    "nonisolated(unsafe)", "override", "indirect", "unowned", "weak", "lazy", "required",
    "convenience", "isolated", "private(set)", "fileprivate(set)", "internal(set)", "prefix",
    "postfix", "infix", "async", "sending",
  ]
  private static let declarations: Set = [
    "struct", "class", "enum", "protocol", "actor", "func", "var", "let", "init", "subscript",
    "typealias", "associatedtype", "macro",
  ]

  /// Witnesses of protocols from outside the package; their meaning is told there.
  private static let foreign: Set = [
    "static let configuration = CommandConfiguration(", "init()", "func run() throws",
    "func run() async throws", "func validate() throws", "func hash(into hasher: inout Hasher)",
  ]

  /// The visible declarations of a file without a doc comment, as one line of text for each.
  ///
  /// A witness of one of the `requirements` is told of at the protocol.
  static func violations(in file: SwiftText, requirements: Set<String> = []) -> [String] {
    file.code.indices.filter { index in
      let signature = signature(of: file.code[index])
      return declaresVisibly(file.code[index]) && !isDocumented(index, in: file)
        && !requirements.contains(signature) && !foreign.contains(signature)
    }
    .map { "\(file.path):\($0 + 1): no doc comment: \(file.lines[$0].drop { $0 == " " })" }
  }

  /// The first lines of the documented requirements of all protocols in a file.
  static func requirements(in file: SwiftText) -> [String] {
    var found: [String] = []
    var isProtocol = false
    for (index, line) in file.code.enumerated() {
      let words = line.split { !$0.isLetter && !$0.isNumber }
      if words.contains("protocol") { isProtocol = true }
      if isProtocol, words.contains("func") || words.contains("var") || words.contains("init"),
        isDocumented(index, in: file)
      {
        found.append(signature(of: line))
      }
      if line.hasPrefix("}") { isProtocol = false }
    }
    return found
  }

  /// A declaration's first line without access level and body.
  private static func signature(of line: String) -> String {
    let words = line.split(separator: " ").map(String.init)
    let body = words.firstIndex { $0.hasPrefix("{") } ?? words.count
    return words[..<body].filter { !["package", "public", "final"].contains($0) }
      .joined(separator: " ")
  }

  /// Operators need none: their meaning is that of the operator.
  private static func declaresVisibly(_ line: String) -> Bool {
    let words = line.split { " \t".contains($0) }.map(String.init)
    var visible = false
    for (index, word) in words.enumerated() {
      if word == "package" || word == "public" {
        visible = true
      } else if word == "func", index + 1 < words.count,
        words[index + 1].first.map({ $0.isLetter || $0 == "_" || $0 == "`" }) == false
      {
        return false
      } else if word == "class", words.dropFirst(index + 1).contains(where: declares) {
        continue
      } else if declares(word) {
        return visible
      } else if !word.hasPrefix("@"), !modifiers.contains(word) {
        return false
      }
    }
    return false
  }

  private static func declares(_ word: String) -> Bool {
    declarations.contains(String(word.prefix { $0.isLetter }))
  }

  private static func isDocumented(_ index: Int, in file: SwiftText) -> Bool {
    for above in file.lines[..<index].reversed() {
      let line = above.drop { $0 == " " }
      if line.hasPrefix("@") || line.hasPrefix("#") || line.hasPrefix("// swift-format") {
        continue
      }
      return line.hasPrefix("///") || line.hasSuffix("*/")
    }
    return false
  }
}
