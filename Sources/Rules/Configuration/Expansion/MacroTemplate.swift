/// A value of the configuration whose `$name` is not that of a parameter but of something that is
/// known with each message, such as `$home` (postconf(5), command_execution_directory).
package struct MacroTemplate: Sendable {
  private let text: String

  /// Takes the text of a parameter.
  package init(_ text: String) { self.text = text }

  /// Whether there is nothing.
  package var isEmpty: Bool { text.isEmpty }

  /// The text with values in the place of names; names that are not there are empty. The values are
  /// never looked into.
  ///
  /// - Throws: when the expression does not follow the syntax, or grows too long.
  package func filled(with values: [String: String]) throws(ConfigurationError) -> String {
    var expander = MacroExpander { name in values[name]?.replacing("$", with: "$$") }
    return try expander.expand(text, owner: "")
  }
}
