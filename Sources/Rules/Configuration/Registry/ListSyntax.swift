import Primitives

/// The syntax of list values.
package enum ListSyntax {
  /// Splits at commas and white space outside of `{…}`; groups keep their braces.
  ///
  /// Throws `.malformed` when a brace has no partner.
  package static func items(_ text: String) throws(ConfigurationError) -> [String] {
    var items: [String] = []
    var current: [UInt8] = []
    var level = 0
    for byte in text.utf8 {
      let separates = byte == UInt8(ascii: ",") || LogicalLines.isSpace(byte)
      if separates, level == 0 {
        if !current.isEmpty { items.append(current[...].text) }
        current.removeAll(keepingCapacity: true)
        continue
      }
      if byte == UInt8(ascii: "{") { level += 1 }
      if byte == UInt8(ascii: "}") { level -= 1 }
      guard level >= 0 else { throw .malformed("'}' without '{' in \"\(text)\"") }
      current.append(byte)
    }
    guard level == 0 else { throw .malformed("'{' without '}' in \"\(text)\"") }
    if !current.isEmpty { items.append(current[...].text) }
    return items
  }

  /// What stands inside an item of the form `{…}`, trimmed; `nil` for other items.
  package static func group(_ item: String) -> String? {
    let bytes = Array(item.utf8)
    guard bytes.count >= 2, bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}")
    else { return nil }
    return bytes[1..<(bytes.count - 1)].trimmed.text
  }
}
