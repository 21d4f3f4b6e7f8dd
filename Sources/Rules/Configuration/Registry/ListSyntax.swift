import Primitives

/// The syntax of list values.
package enum ListSyntax {
  /// Splits at commas and white space outside of `{…}`; groups keep their braces.
  ///
  /// Throws `.malformed` when a brace has no partner.
  package static func items(_ text: String) throws(ConfigurationError) -> [String] {
    let words = BracedWords.split(text.utf8) { $0 == UInt8(ascii: ",") || ASCII.isSpace($0) }
    guard let words else { throw .malformed("a brace has no partner in \"\(text)\"") }
    return words.map { $0[...].text }
  }
}
