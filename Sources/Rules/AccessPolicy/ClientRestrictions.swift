import MailTypes
import Primitives

/// `permit_mynetworks`: the client is one of ours.
struct PermitMyNetworks: Restriction {
  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    guard try await evaluation.rules.site.trusts(evaluation.request.clientAddress) else {
      return .undecided
    }
    return try await evaluation.permit("permit_mynetworks", about: .client)
  }
}

/// `permit_inet_interfaces`: the client is this host.
struct PermitInetInterfaces: Restriction {
  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    guard evaluation.rules.site.isOwn(evaluation.request.clientAddress.unmapped) else {
      return .undecided
    }
    return try await evaluation.permit("permit_inet_interfaces", about: .client)
  }
}

/// `reject_invalid_helo_hostname`: the name of HELO is none.
struct RejectInvalidHeloHostname: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    guard let helo = evaluation.request.helo else { return .undecided }
    if helo.hasPrefix("[") { return HeloName.refuseUnlessLiteral(helo, &evaluation) }
    guard !HeloName.isHostname(helo), IPAddress(helo) == nil else { return .undecided }
    return evaluation.refuse(
      evaluation.rules.settings.codes.invalidHostname, 5, 2, about: .helo, "Invalid name")
  }
}

/// `reject_non_fqdn_helo_hostname`: the name of HELO has no domain.
struct RejectNonFQDNHeloHostname: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    guard let helo = evaluation.request.helo else { return .undecided }
    if helo.hasPrefix("[") { return HeloName.refuseUnlessLiteral(helo, &evaluation) }
    guard !HeloName.isHostname(helo) || !HeloName.withoutFinalDot(helo).contains(".") else {
      return .undecided
    }
    return evaluation.refuse(
      evaluation.rules.settings.codes.nonFQDN, 5, 2, about: .helo,
      "need fully-qualified hostname")
  }
}

/// The syntax of the name that HELO gives.
private enum HeloName {
  static func withoutFinalDot(_ name: String) -> Substring {
    name.hasSuffix(".") ? name.dropLast() : name[...]
  }

  static func isHostname(_ name: String) -> Bool {
    let bare = withoutFinalDot(name).utf8
    return HostSyntax.isHostname(bare) && bare.allSatisfy { $0 < 0x80 }
  }

  static func refuseUnlessLiteral(_ name: String, _ evaluation: inout Evaluation) -> AccessDecision
  {
    guard HostSyntax.address(ofLiteral: name.utf8) == nil else { return .undecided }
    return evaluation.refuse(
      evaluation.rules.settings.codes.invalidHostname, 5, 2, about: .helo, "invalid ip address")
  }
}
