import Primitives

/// The options and arguments of a command in `master.cf`.
struct CommandLineOptions {
  private(set) var overrides: [Assignment] = []
  private(set) var verbosity = 0
  private(set) var arguments: [String] = []
  /// Where the option at hand stands: that of an error.
  private(set) var place: SourceLocation

  /// - Parameter place: the place of what has none of its own.
  init(at place: SourceLocation) { self.place = place }

  /// Reads `-o name=value`, `-o { name = value }` and `-v`, joined as getopt(3) allows; the
  /// first word that is no option begins the arguments.
  mutating func parse(
    _ words: ArraySlice<(text: String, place: SourceLocation)>
  ) throws(ConfigurationError) {
    var rest = words
    while let (word, place) = rest.first, word.hasPrefix("-"), word != "-" {
      self.place = place
      rest = rest.dropFirst()
      guard word != "--" else { break }
      var letters = word.dropFirst()
      while let letter = letters.popFirst() {
        switch letter {
        case "v": verbosity += 1
        case "D": break
        case "o":
          if letters.isEmpty {
            guard let next = rest.popFirst() else {
              throw .expected("name=value after -o, found the end")
            }
            letters = next.text[...]
          }
          overrides.append(try Self.override(String(letters), at: place))
          letters = ""
        default:
          throw .expected("one of the options -o, -v, -D, found \"\(word)\"")
        }
      }
    }
    arguments = rest.map { BracedWords.group($0.text.utf8)?[...].text ?? $0.text }
  }

  /// Reads what follows `-o`.
  static func override(
    _ word: String, at location: SourceLocation
  ) throws(ConfigurationError) -> Assignment {
    guard word.hasPrefix("{") else { return try assignment(word, at: location) }
    guard let inside = BracedWords.group(word.utf8)?[...].text else {
      throw .malformed("unexpected text after '}' in \"\(word)\"")
    }
    return try assignment(inside, at: location)
  }

  private static func assignment(
    _ text: String, at location: SourceLocation
  ) throws(ConfigurationError) -> Assignment {
    switch MainFile.assignment(Array(text.utf8)[...], at: location) {
    case .success(let assignment): return assignment
    case .failure(let error): throw error
    }
  }
}
