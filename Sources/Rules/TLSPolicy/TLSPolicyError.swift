package import Configuration

/// What of a configuration's TLS cannot be used; the text begins with the parameter at fault.
package struct TLSPolicyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence for the administrator.
  package let description: String
  /// Where the parameter was set; `nil` for one that has its default.
  package let location: SourceLocation?

  init(_ parameter: String, _ reason: String) {
    self.init("\(parameter): \(reason)", at: nil)
  }

  private init(_ description: String, at location: SourceLocation?) {
    self.description = description
    self.location = location
  }

  /// The error with the names of parameters that the administrator set, and the place where.
  ///
  /// - Parameter configuration: what was found wrong: that of a service of `master.cf` knows the
  ///   places of its options.
  package func located(in configuration: Configuration) -> TLSPolicyError {
    TLSPolicyError(
      configuration.named(description), at: Self.location(of: description, in: configuration))
  }

  /// Where the parameter was set with which a sentence begins.
  package static func location(
    of sentence: String, in configuration: Configuration
  ) -> SourceLocation? {
    let name = sentence.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    return configuration.location(of: String(name))
  }
}
