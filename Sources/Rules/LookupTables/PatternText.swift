import Primitives

/// The patterns of a list such as `mynetworks`, in files and after `!`.
enum PatternText {
  /// The items of a file: words parted by white space or commas, without comments.
  static func items(_ bytes: [UInt8], source: String) throws(LookupError) -> [String] {
    var items: [String] = []
    for line in LogicalLines(bytes).lines {
      let words = BracedWords.split(line.text) { $0 == UInt8(ascii: ",") || ASCII.isSpace($0) }
      guard let words else {
        throw .malformed(
          table: source, reason: "line \(line.number): a brace has no partner")
      }
      items += words.map { String(decoding: $0, as: UTF8.self) }
    }
    return items
  }

  /// A pattern without its `!` signs.
  struct Item {
    let text: String
    let isNegated: Bool
  }

  /// The items of a list with files replaced by what is in them.
  ///
  /// Files may name files, but not more than ten deep.
  static func resolved(
    _ items: [String], opener: TableOpener, isNegated: Bool = false, depth: Int = 0
  ) throws(LookupError) -> [Item] {
    var resolved: [Item] = []
    for item in items {
      let text = item.drop { $0 == "!" }
      let flips = (item.count - text.count) % 2 == 1
      guard !text.isEmpty else { throw .badPattern(item, reason: "nothing follows the '!'") }
      if text.hasPrefix("/") {
        guard depth < 10 else {
          throw .badPattern(item, reason: "files include each other too deeply")
        }
        resolved += try Self.resolved(
          opener.patterns(ofFile: String(text)), opener: opener, isNegated: isNegated != flips,
          depth: depth + 1)
      } else {
        resolved.append(Item(text: String(text), isNegated: isNegated != flips))
      }
    }
    return resolved
  }
}
