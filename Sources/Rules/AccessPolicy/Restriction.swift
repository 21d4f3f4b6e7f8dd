import MailTypes

/// One word of a restriction list.
package protocol Restriction: Sendable {
  /// Judges a request; `undecided` leaves it to the next word. Throws `lookupFailed` when a table
  /// does not answer.
  func evaluate(_ request: AccessRequest) async throws(AccessError) -> AccessDecision
}

/// `permit`: ends the list in favour of the client.
struct Permit: Restriction {
  func evaluate(_ request: AccessRequest) -> AccessDecision { .permit }
}

/// `permit_sasl_authenticated`: there is no authentication that could match yet.
struct PermitAuthenticated: Restriction {
  func evaluate(_ request: AccessRequest) -> AccessDecision { .undecided }
}

/// `permit_mynetworks`: the client is one of ours.
struct PermitMyNetworks: Restriction {
  let site: any SiteDirectory

  func evaluate(_ request: AccessRequest) async throws(AccessError) -> AccessDecision {
    try await site.trusts(request.clientAddress) ? .permit : .undecided
  }
}

/// `reject` and `defer`: everybody is turned away.
struct Refuse: Restriction {
  let code: UInt16
  let status: EnhancedStatus
  let reason: String

  func evaluate(_ request: AccessRequest) -> AccessDecision {
    .refuse(
      SMTPReply(
        code, status, "<\(request.recipientText)>: Recipient address rejected: \(reason)"))
  }
}

/// `reject_unauth_destination` and `defer_unauth_destination`: only mail for this site's own
/// domains and those that it relays for.
struct RefuseUnauthorizedDestination: Restriction {
  let site: any SiteDirectory
  let resolver: AddressResolver
  let code: UInt16
  let allowsUntrustedRouting: Bool

  func evaluate(_ request: AccessRequest) async throws(AccessError) -> AccessDecision {
    var resolution = AddressResolution(request.recipient, by: resolver)
    while let domain = resolution.domainInQuestion {
      resolution.answer(isLocal: try await site.isLocal(domain))
    }
    let destination = resolution.result
    if destination.isMalformed {
      return .refuse(
        SMTPReply(501, EnhancedStatus(5, 1, 3), "Bad recipient address syntax"))
    }
    // A route that is left over would let another host relay for strangers in our name.
    let mayPass = allowsUntrustedRouting || !destination.isRouted
    if mayPass {
      if destination.isLocal { return .undecided }
      switch try await site.addressClass(of: destination.domain) {
      case .local, .virtualAlias, .virtualMailbox, .relay: return .undecided
      case .other: break
      }
    }
    let status = EnhancedStatus(code < 500 ? 4 : 5, 7, 1)
    return .refuse(
      SMTPReply(code, status, "<\(request.recipientText)>: Relay access denied"))
  }
}
