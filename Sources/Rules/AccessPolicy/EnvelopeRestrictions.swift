import MailTypes

/// `reject_unauth_destination` and `defer_unauth_destination`: only mail for this site's own
/// domains and those that it relays for.
struct RefuseUnauthDestination: Restriction {
  let defers: Bool

  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    guard let destination = try await evaluation.destination() else { return .undecided }
    if destination.isMalformed {
      return evaluation.refuse(
        SMTPReply(501, EnhancedStatus(5, 1, 3), "Bad recipient address syntax"))
    }
    if try await evaluation.isAuthorized(destination) { return .undecided }
    let normal = evaluation.rules.settings.codes.relayDomains
    let code = defers && normal >= 500 ? normal - 100 : normal
    let name = AccessSubject.recipient.name(in: evaluation.request)
    return evaluation.refuse(
      SMTPReply(
        code, EnhancedStatus(code < 500 ? 4 : 5, 7, 1), "<\(name)>: Relay access denied"))
  }
}

/// `permit_auth_destination`: mail for this site's own domains and those that it relays for.
struct PermitAuthDestination: Restriction {
  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    guard let destination = try await evaluation.destination(), !destination.isMalformed else {
      return .undecided
    }
    guard try await evaluation.isAuthorized(destination) else { return .undecided }
    return try await evaluation.permit("permit_auth_destination", about: .recipient)
  }
}

extension Evaluation {
  /// Whether a stranger may send there.
  ///
  /// A route that is left over would let another host relay for strangers in our name.
  fileprivate func isAuthorized(
    _ destination: ResolvedAddress
  ) async throws(AccessError) -> Bool {
    guard rules.settings.allowsUntrustedRouting || !destination.isRouted else { return false }
    return try await rules.addressClass(of: destination) != .other
  }
}

/// `reject_non_fqdn_sender` and `reject_non_fqdn_recipient`: the domain has no dot.
struct RejectNonFQDNAddress: Restriction {
  let subject: AccessSubject

  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    let request = evaluation.request
    guard let address = subject == .sender ? request.sender : request.recipient,
      !address.isNull
    else { return .undecided }
    let domain =
      address.domain.last == UInt8(ascii: ".") ? address.domain.dropLast() : address.domain
    let isLiteral = domain.first == UInt8(ascii: "[")
    guard !isLiteral, !HostSyntax.isHostname(domain) || !domain.contains(UInt8(ascii: "."))
    else { return .undecided }
    return evaluation.refuse(
      evaluation.rules.settings.codes.nonFQDN, 5, 2, about: subject,
      "need fully-qualified address")
  }
}

/// `reject_unlisted_sender` and `reject_unlisted_recipient`: mail for the address would be sent
/// back, or it is in a domain of this site and its user is not known there.
struct RejectUnlisted: Restriction {
  let subject: AccessSubject

  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    guard evaluation.rules.settings.checksUsers else { return .undecided }
    if subject == .sender {
      guard let sender = evaluation.request.sender, !sender.isNull,
        !evaluation.senderIsChecked
      else { return .undecided }
      evaluation.senderIsChecked = true
      return try await judge(try await evaluation.rules.resolve(sender), &evaluation)
    }
    guard !evaluation.recipientIsChecked, let recipient = try await evaluation.destination()
    else { return .undecided }
    evaluation.recipientIsChecked = true
    return try await judge(recipient, &evaluation)
  }

  private func judge(
    _ address: ResolvedAddress, _ evaluation: inout Evaluation
  ) async throws(AccessError) -> AccessDecision {
    guard !address.isMalformed else { return .undecided }
    let rules = evaluation.rules
    if try await rules.site.isAlias(address.address) { return .undecided }
    if let failure = try await rules.site.failure(of: address.address) {
      return refuse(for: failure, try await rules.addressClass(of: address), &evaluation)
    }
    let addressClass = try await rules.addressClass(of: address)
    guard try await !rules.site.lists(address.address, of: addressClass) else {
      return .undecided
    }
    let codes = rules.settings.codes
    let (code, table): (UInt16, String) =
      switch addressClass {
      case .local: (codes.unknownLocalRecipient, "local recipient")
      case .relay: (codes.unknownRelayRecipient, "relay recipient")
      case .virtualMailbox: (codes.unknownVirtualMailbox, "virtual mailbox")
      case .virtualAlias: (codes.unknownVirtualAlias, "virtual alias")
      case .other: preconditionFailure("other hosts' users are not listed here")
      }
    let place = rules.settings.showsTableName ? " in \(table) table" : ""
    return evaluation.refuse(
      code, 1, subject == .sender ? 0 : 1, about: subject, "User unknown\(place)")
  }

  /// Refuses what the `error` and `retry` transports would send back.
  private func refuse(
    for failure: DeliveryFailure, _ addressClass: DomainClass, _ evaluation: inout Evaluation
  ) -> AccessDecision {
    var text = failure.text[...]
    var status = EnhancedStatus(5, 1, 1)
    if let (given, length) = EnhancedStatus.parse(prefixOf: text.utf8) {
      status = given
      text = Substring(text.utf8.dropFirst(length)).drop { $0 == " " }
    }
    let code =
      addressClass == .virtualAlias
      ? evaluation.rules.settings.codes.unknownVirtualAlias : failure.isTemporary ? 450 : 550
    return evaluation.refuse(
      evaluation.reply(
        code, status.fitting(code: code, about: subject), about: subject, String(text)))
  }
}

/// `reject_multi_recipient_bounce`: a report has one recipient.
struct RejectMultiRecipientBounce: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    let request = evaluation.request
    guard request.sender?.isNull == true, request.recipientCount > 1 else { return .undecided }
    return evaluation.refuse(
      evaluation.rules.settings.codes.multiRecipientBounce, 5, 3, "Multi-recipient bounce")
  }
}
