/// All parameters that Martinet has, each declared once beside its typed key.
package enum Registry {
  /// The declarations, sorted by name.
  package static let declarations: [Declaration] = {
    let keys: [[any ParameterKey]] = [
      site, routing, server, tlsServer, clientCertificates, saslServer, tlsClient, saslClient,
      access, client, lmtp, delivery, aliasDestinations, queue, message, filters, milters, own,
    ]
    let all = keys.joined().map(\.declaration) + LMTPCounterparts.declarations
    return all.sorted { $0.name < $1.name }
  }()

  private static let byName = Dictionary(
    uniqueKeysWithValues: declarations.map { ($0.name, $0) })

  /// The declaration of a name.
  package static func find(_ name: String) -> Declaration? {
    byName[name]
  }

  /// Former names that defaults still refer to, so that old files keep their meaning.
  static let formerNames: Set<String> = [
    "fallback_relay", "lmtp_per_record_deadline", "postscreen_blacklist_action",
    "postscreen_dnsbl_ttl", "postscreen_dnsbl_whitelist_threshold",
    "postscreen_whitelist_interfaces", "smtp_per_record_deadline",
    "smtpd_client_connection_limit_exceptions", "smtpd_per_record_deadline",
    "tlsproxy_client_level", "tlsproxy_client_policy", "virtual_maps",
  ]
}
