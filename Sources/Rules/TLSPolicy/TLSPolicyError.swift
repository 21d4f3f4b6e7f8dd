package import Configuration

/// What of a configuration's TLS cannot be used; the text begins with the parameter at fault.
package struct TLSPolicyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence for the administrator.
  package let description: String
  /// The same behind the place where the parameter was set, as far as that is known.
  package let located: String

  init(_ parameter: String, _ reason: String) {
    description = "\(parameter): \(reason)"
    located = description
  }

  private init(_ description: String, located: String) {
    self.description = description
    self.located = located
  }

  /// Does something with a configuration, whose errors name what the administrator set in it, and
  /// where.
  package static func locating(
    in configuration: Configuration, _ body: () throws(TLSPolicyError) -> Void
  ) throws(TLSPolicyError) {
    do throws(TLSPolicyError) {
      try body()
    } catch {
      throw error.located(in: configuration)
    }
  }

  /// The error with the names of parameters that the administrator set, and with their place.
  ///
  /// - Parameter configuration: what was found wrong: that of a service of `master.cf` knows the
  ///   places of its options.
  private func located(in configuration: Configuration) -> TLSPolicyError {
    let sentence = configuration.named(description)
    return TLSPolicyError(sentence, located: configuration.located(sentence))
  }
}
