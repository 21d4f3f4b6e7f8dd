/// Words that must not stand in the sources, and why.
///
/// This file and its test are the only ones that may spell them.
enum BannedWords {
  /// Where a word is looked for.
  enum Place { case anywhere, code, sourceCode, testCode }

  struct Word {
    let text: String
    let place: Place
    let reason: String
    /// What makes an occurrence harmless when it follows the word.
    var unlessFollowedBy = ""
  }

  static let table = [
    Word(text: "TODO", place: .anywhere, reason: "what is not done is not in the code"),
    Word(text: "FIXME", place: .anywhere, reason: "what is not done is not in the code"),
    Word(text: "XXX", place: .anywhere, reason: "what is not done is not in the code"),
    Word(text: "HACK", place: .anywhere, reason: "what is not done is not in the code"),
    Word(text: "try!", place: .code, reason: "an error has a fate"),
    Word(text: "fatalError", place: .code, reason: "a precondition says what was broken"),
    Word(text: "DispatchQueue", place: .code, reason: "it starts threads"),
    Word(text: "AsyncStream", place: .code, reason: "it buffers without a bound"),
    Word(text: "Task.sleep", place: .code, reason: "it starts threads; tests wait for events"),
    Word(text: "Thread.sleep", place: .code, reason: "tests wait for events"),
    Word(text: "usleep(", place: .code, reason: "tests wait for events"),
    Word(text: "nanosleep(", place: .code, reason: "tests wait for events"),
    Word(
      text: "sleep(", place: .testCode, reason: "tests wait for events",
      unlessFollowedBy: "until:"),
    Word(text: "import Foundation", place: .sourceCode, reason: "too heavy for a role process"),
    Word(text: "print(", place: .sourceCode, reason: "a role writes through its log"),
  ]

  /// The banned words of a file, as one line of text for each.
  static func violations(in file: SwiftText) -> [String] {
    let isTest = file.path.hasPrefix("Tests/")
    return table.flatMap { word in
      let lines =
        switch word.place {
        case .anywhere: file.lines
        case .code: file.code
        case .sourceCode: isTest ? [] : file.code
        case .testCode: isTest ? file.code : []
        }
      return lines.enumerated().filter { occurs(word, in: $0.element) }.map {
        "\(file.path):\($0.offset + 1): \(word.text): \(word.reason)"
      }
    }
  }

  /// Whether the word stands in the line by itself, not as part of a longer name.
  private static func occurs(_ word: Word, in line: String) -> Bool {
    var rest = Substring(line)
    var before: Character = " "
    while let start = rest.firstRange(of: word.text) {
      if start.lowerBound > rest.startIndex { before = rest[rest.index(before: start.lowerBound)] }
      let after = rest[start.upperBound...]
      let joined =
        isName(before) && isName(word.text.first) || isName(word.text.last) && isName(after.first)
      let excused = !word.unlessFollowedBy.isEmpty && after.hasPrefix(word.unlessFollowedBy)
      if !joined, !excused { return true }
      before = rest[rest.index(before: start.upperBound)]
      rest = after
    }
    return false
  }

  private static func isName(_ character: Character?) -> Bool {
    guard let character else { return false }
    return character.isLetter || character.isNumber || character == "_"
  }
}
