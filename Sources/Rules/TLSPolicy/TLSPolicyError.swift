package import Configuration

/// What of a configuration's TLS cannot be used; the text begins with the parameter at fault.
package struct TLSPolicyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence for the administrator.
  package let description: String

  init(_ parameter: String, _ reason: String) { description = "\(parameter): \(reason)" }

  private init(_ description: String) { self.description = description }

  /// The error with the names of parameters that the administrator set.
  package func named(by configuration: Configuration) -> TLSPolicyError {
    TLSPolicyError(configuration.named(description))
  }
}
