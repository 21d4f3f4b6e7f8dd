import AccessPolicy
import Configuration
import MailTypes

/// Values of parameters that are honoured, of which a part is not.
enum ValueCheck {
  /// What of a value has no effect yet; `nil` when all of it has.
  @Sendable static func missing(_ assignment: Assignment) -> String? {
    if assignment.name == "relayhost" { return missingExchangers(assignment.value) }
    guard assignment.name.hasSuffix("_restrictions") else { return nil }
    // A list that cannot be read is refused by whoever uses it.
    let words = (try? ListSyntax.items(assignment.value)) ?? []
    let skipped = PendingRestrictions.find(in: words)
    return skipped.isEmpty ? nil : "without \(skipped.joined(separator: ", "))"
  }

  /// A host without brackets is reached by its mail exchangers (RFC 5321 5.1).
  static func missingExchangers(_ relayhost: String) -> String? {
    guard case .domain(let name)? = NextHop.list(relayhost)?.first?.host else { return nil }
    return "mail exchangers of \(name) are not looked up yet: mail for it waits in the queue; "
      + "write [\(name)] for the host of that name"
  }
}
