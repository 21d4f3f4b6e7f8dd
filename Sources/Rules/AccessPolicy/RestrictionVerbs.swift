/// The words that restriction lists may hold.
enum RestrictionVerb: Sendable {
  /// A restriction that stands alone.
  case plain(any Restriction)
  /// `check_…_access`, which a table must follow.
  case table(AccessSubject)
  /// `check_ccert_access`, which a table must follow, with or without an order of the search.
  case certificateTable
  /// `sleep`, which a number of seconds must follow.
  case sleep
  /// `warn_if_reject`, which changes the word behind it.
  case warnIfReject
  /// Known and not implemented yet.
  case notYet(hasArgument: Bool)

  /// The verb of a word, in lower case; `nil` when there is none.
  static func find(_ word: String) -> RestrictionVerb? {
    table[currentNames[word] ?? word]
  }

  /// The names that count as keeping strangers out, of which a relay list needs one.
  static let guards: Set = [
    "reject_unauth_destination", "defer_unauth_destination", "reject", "defer", "defer_if_permit",
    "check_relay_domains",
  ]

  /// Spellings of older releases.
  private static let currentNames = [
    "reject_invalid_hostname": "reject_invalid_helo_hostname",
    "reject_non_fqdn_hostname": "reject_non_fqdn_helo_hostname",
    "reject_unknown_hostname": "reject_unknown_helo_hostname",
    "reject_unknown_client": "reject_unknown_client_hostname",
    "reject_unknown_address": "reject_unknown_sender_domain",
    "check_relay_domains": "reject_unauth_destination",
    "reject_rhsbl": "reject_rhsbl_sender",
  ]

  private static let table: [String: RestrictionVerb] = {
    var table: [String: RestrictionVerb] = [
      "permit": .plain(Permit()),
      "reject": .plain(Reject()),
      "defer": .plain(Defer()),
      "defer_if_permit": .plain(DeferIfPermit()),
      "defer_if_reject": .plain(DeferIfReject()),
      "warn_if_reject": .warnIfReject,
      "sleep": .sleep,
      "reject_unauth_pipelining": .plain(RejectUnauthPipelining()),
      "reject_plaintext_session": .plain(RejectPlaintextSession()),
      "permit_mynetworks": .plain(PermitMyNetworks()),
      "permit_inet_interfaces": .plain(PermitInetInterfaces()),
      "permit_sasl_authenticated": .plain(PermitAuthenticated()),
      "reject_sender_login_mismatch": .plain(RejectSenderLoginMismatch.any),
      "reject_authenticated_sender_login_mismatch": .plain(RejectSenderLoginMismatch.loggedIn),
      "reject_known_sender_login_mismatch": .plain(RejectSenderLoginMismatch.known),
      "reject_unauthenticated_sender_login_mismatch": .plain(RejectSenderLoginMismatch.notLoggedIn),
      "reject_invalid_helo_hostname": .plain(RejectInvalidHeloHostname()),
      "reject_non_fqdn_helo_hostname": .plain(RejectNonFQDNHeloHostname()),
      "reject_non_fqdn_sender": .plain(RejectNonFQDNAddress(subject: .sender)),
      "reject_non_fqdn_recipient": .plain(RejectNonFQDNAddress(subject: .recipient)),
      "reject_unlisted_sender": .plain(RejectUnlisted(subject: .sender)),
      "reject_unlisted_recipient": .plain(RejectUnlisted(subject: .recipient)),
      "reject_unauth_destination": .plain(RefuseUnauthDestination(defers: false)),
      "defer_unauth_destination": .plain(RefuseUnauthDestination(defers: true)),
      "permit_auth_destination": .plain(PermitAuthDestination()),
      "reject_multi_recipient_bounce": .plain(RejectMultiRecipientBounce()),
      "permit_tls_clientcerts": .plain(PermitCertificates(all: false)),
      "permit_tls_all_clientcerts": .plain(PermitCertificates(all: true)),
      "check_ccert_access": .certificateTable,
      "check_client_access": .table(.client),
      "check_helo_access": .table(.helo),
      "check_sender_access": .table(.sender),
      "check_recipient_access": .table(.recipient),
      "check_etrn_access": .table(.etrn),
    ]
    for name in notYet.split(separator: " ") {
      table[String(name)] = .notYet(hasArgument: false)
    }
    for name in notYetWithArgument.split(separator: " ") {
      table[String(name)] = .notYet(hasArgument: true)
    }
    return table
  }()

  private static let notYet = """
    permit_mx_backup permit_naked_ip_address \
    reject_maps_rbl reject_unknown_client_hostname reject_unknown_forward_client_hostname \
    reject_unknown_helo_hostname reject_unknown_recipient_domain \
    reject_unknown_reverse_client_hostname reject_unknown_sender_domain \
    reject_unverified_recipient reject_unverified_sender
    """

  private static let notYetWithArgument = """
    check_client_a_access check_client_mx_access check_client_ns_access \
    check_helo_a_access check_helo_mx_access check_helo_ns_access check_policy_service \
    check_recipient_a_access check_recipient_mx_access check_recipient_ns_access \
    check_reverse_client_hostname_a_access check_reverse_client_hostname_access \
    check_reverse_client_hostname_mx_access check_reverse_client_hostname_ns_access \
    check_sasl_access check_sender_a_access check_sender_mx_access check_sender_ns_access \
    permit_dnswl_client permit_rhswl_client reject_rbl_client reject_rhsbl_client \
    reject_rhsbl_helo reject_rhsbl_recipient reject_rhsbl_reverse_client reject_rhsbl_sender
    """
}
