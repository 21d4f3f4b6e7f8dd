/// Parameters that are declared, so that their values are checked and shown, but that nothing acts
/// on yet.
enum PendingParameters {
  /// What ignoring each of them means.
  static let consequences: [String: PostfixParameters.Consequence] = {
    var consequences: [String: PostfixParameters.Consequence] = [:]
    for (names, consequence) in [
      (harmless, PostfixParameters.Consequence.harmless),
      (changesBehaviour, .changesBehaviour), (weakensSecurity, .weakensSecurity),
    ] {
      for name in names.split(whereSeparator: \.isWhitespace) {
        consequences[String(name)] = consequence
      }
    }
    return consequences
  }()

  /// What is to be said about the value of a declared parameter; `nil` when it has its effect, or
  /// asks for nothing.
  static func consequence(
    of assignment: Assignment, _ declaration: Declaration
  ) -> PostfixParameters.Consequence? {
    if assignment.value.isEmpty { return nil }
    if case .text(assignment.value) = declaration.defaultValue { return nil }
    return consequences[declaration.name]
  }

  private static let harmless = """
    alias_database
    biff daemon_timeout
    data_directory default_delivery_slot_cost default_delivery_slot_discount
    default_delivery_slot_loan default_extra_recipient_limit default_minimum_delivery_slots
    default_rbl_reply default_recipient_limit default_recipient_refill_delay
    default_recipient_refill_limit delay_logging_resolution_limit
    destination_concurrency_feedback_debug enable_long_queue_ids
    hash_queue_depth ignore_mx_lookup_error ipc_timeout
    maps_rbl_reject_code multi_instance_name non_smtpd_milters
    qmgr_clog_warn_time qmgr_daemon_timeout
    qmgr_message_recipient_limit qmgr_message_recipient_minimum reject_tempfail_action
    setgid_group smtp_balance_inet_protocols
    smtp_xforward_timeout smtpd_delay_open_until_valid_rcpt
    smtpd_service_name
    unknown_address_reject_code unknown_address_tempfail_action unknown_client_reject_code
    unknown_helo_hostname_tempfail_action unknown_hostname_reject_code
    """

  private static let changesBehaviour = """
    always_add_missing_headers bounce_template_file
    default_destination_rate_delay default_process_limit default_transport_rate_delay
    defer_transports disable_dns_lookups
    forward_path header_size_limit
    local_header_rewrite_clients luser_relay
    smtp_address_preference smtp_bind_address_enforce smtp_connection_cache_destinations
    smtp_connection_cache_on_demand smtp_defer_if_no_mx_address_found smtp_dns_support_level
    smtp_fallback_relay smtp_host_lookup smtp_line_length_limit
    smtp_mx_session_limit smtp_pix_workaround_delay_time smtp_pix_workaround_threshold_time
    smtp_pix_workarounds smtp_quote_rfc821_envelope smtp_randomize_addresses
    smtp_send_xforward_command smtp_tcp_port
    smtpd_peername_lookup
    syslog_facility transport_retry_time
    """

  private static let weakensSecurity = """
    authorized_flush_users authorized_mailq_users authorized_submit_users
    maillog_file_prefixes permit_mx_backup_networks smtp_min_data_rate smtp_per_request_deadline
    """
}
