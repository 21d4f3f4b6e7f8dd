import MailTypes

/// The restrictions of one parameter in their order.
struct RestrictionList: Sendable {
  let restrictions: [any Restriction]
  /// Whether a word is among them that keeps strangers out.
  let keepsStrangersOut: Bool

  /// Reads the words of a list. Throws `unknownRestriction`.
  init(
    _ words: [String], parameter: String, settings: AccessSettings, site: any SiteDirectory
  ) throws(AccessError) {
    var restrictions: [any Restriction] = []
    var keepsStrangersOut = false
    for word in words {
      let name = word.lowercased()
      guard let restriction = Self.restriction(name, settings: settings, site: site) else {
        throw .unknownRestriction(parameter: parameter, word: word)
      }
      restrictions.append(restriction)
      let guards = ["reject", "defer", "reject_unauth_destination", "defer_unauth_destination"]
      if guards.contains(name) { keepsStrangersOut = true }
    }
    self.restrictions = restrictions
    self.keepsStrangersOut = keepsStrangersOut
  }

  private static func restriction(
    _ name: String, settings: AccessSettings, site: any SiteDirectory
  ) -> (any Restriction)? {
    switch name {
    case "permit": return Permit()
    case "permit_mynetworks": return PermitMyNetworks(site: site)
    case "permit_sasl_authenticated": return PermitAuthenticated()
    case "reject":
      return Refuse(
        code: settings.rejectCode, status: EnhancedStatus(settings.rejectCode < 500 ? 4 : 5, 7, 1),
        reason: "Access denied")
    case "defer":
      return Refuse(
        code: settings.deferCode, status: EnhancedStatus(settings.deferCode < 500 ? 4 : 5, 3, 2),
        reason: "Try again later")
    case "reject_unauth_destination", "defer_unauth_destination":
      let code = settings.relayDomainsRejectCode
      return RefuseUnauthorizedDestination(
        site: site, resolver: settings.resolver,
        code: name.hasPrefix("defer") && code >= 500 ? code - 100 : code,
        allowsUntrustedRouting: settings.allowsUntrustedRouting)
    default: return nil
    }
  }

  /// Asks one restriction after the other until one decides.
  func evaluate(_ request: AccessRequest) async throws(AccessError) -> AccessDecision {
    for restriction in restrictions {
      let decision = try await restriction.evaluate(request)
      if decision != .undecided { return decision }
    }
    return .undecided
  }
}
