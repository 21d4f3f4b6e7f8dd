/// What of a configuration's TLS cannot be used; the text begins with the parameter at fault.
package struct TLSPolicyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence for the administrator.
  package let description: String

  init(_ parameter: String, _ reason: String) { description = "\(parameter): \(reason)" }
}
