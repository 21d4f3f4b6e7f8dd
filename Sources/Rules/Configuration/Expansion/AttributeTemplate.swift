/// A text of the configuration in which `$name`, `${name?text}` and their kin stand not for
/// parameters but for attributes of what is being done: `smtpd_reject_footer`, `luser_relay`.
package enum AttributeTemplate {
  /// Fills a template in. An attribute's value is taken as it is, whatever is in it; a name without
  /// one is empty, and is named in the second result.
  ///
  /// Throws `.malformed` for what is no expression and `.tooLong`.
  package static func fill(
    _ template: String, attribute: @escaping (String) -> String?
  ) throws(ConfigurationError) -> (text: String, unknownNames: [String]) {
    var expander = MacroExpander { name throws(ConfigurationError) in
      guard let value = attribute(name) else { return nil }
      return value.split(separator: "$", omittingEmptySubsequences: false)
        .joined(separator: "$$")
    }
    // No attribute has an empty name.
    let text = try expander.expand(template, owner: "")
    return (text, expander.undefinedNames)
  }
}
