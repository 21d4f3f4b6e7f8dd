/// Parameters of Postfix that protect something: to ignore them weakens protection.
extension PostfixParameters {
  /// The names of those whose default is empty.
  static let weakensSecurityNames = #"""
    authorized_verp_clients body_checks header_checks lmtp_body_checks
    lmtp_header_checks lmtp_mime_header_checks lmtp_nested_header_checks
    lmtp_tls_dcert_file
    lmtp_tls_per_site
    lmtp_tls_trust_anchor_file maps_rbl_domains master_service_disable message_reject_characters
    message_strip_characters milter_header_checks postscreen_command_filter
    postscreen_dnsbl_reply_map postscreen_dnsbl_sites postscreen_upstream_proxy_protocol
    qmqpd_authorized_clients rbl_reply_maps smtp_body_checks
    smtp_header_checks smtp_mime_header_checks smtp_nested_header_checks
    smtp_sasl_password_result_delimiter
    smtp_tls_dcert_file smtp_tls_per_site smtp_tls_trust_anchor_file
    smtpd_authorized_xclient_hosts smtpd_authorized_xforward_hosts
    smtpd_policy_service_policy_context smtpd_proxy_filter
    smtpd_upstream_proxy_protocol tls_disable_workarounds tls_ffdhe_auto_groups
    """#

  /// The others with their defaults.
  static let weakensSecurityDefaults = #"""
    body_checks_size_limit 51200
    cleanup_replace_stray_cr_lf yes
    empty_address_local_login_sender_maps_lookup_key <>
    forward_expansion_filter \#
    1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ
    lmtp_tls_block_early_mail_reply no
    lmtp_tls_dkey_file $lmtp_tls_dcert_file
    lmtp_tls_force_insecure_host_tlsa_lookup no
    local_login_sender_maps static:*
    message_drop_headers bcc, content-length, resent-bcc, return-path
    mime_header_checks $header_checks
    nested_header_checks $header_checks
    postscreen_access_list permit_mynetworks
    postscreen_allowlist_interfaces \#
    ${postscreen_whitelist_interfaces?{$postscreen_whitelist_interfaces}:{static:all}}
    postscreen_bare_newline_action ignore
    postscreen_bare_newline_enable no
    postscreen_client_connection_count_limit $smtpd_client_connection_count_limit
    postscreen_command_count_limit 20
    postscreen_denylist_action \#
    ${postscreen_blacklist_action?{$postscreen_blacklist_action}:{ignore}}
    postscreen_disable_vrfy_command $disable_vrfy_command
    postscreen_discard_ehlo_keyword_address_maps $smtpd_discard_ehlo_keyword_address_maps
    postscreen_discard_ehlo_keywords $smtpd_discard_ehlo_keywords
    postscreen_dnsbl_action ignore
    postscreen_dnsbl_allowlist_threshold \#
    ${postscreen_dnsbl_whitelist_threshold?{$postscreen_dnsbl_whitelist_threshold}:{0}}
    postscreen_dnsbl_threshold 1
    postscreen_dnsbl_timeout 10s
    postscreen_enforce_tls $smtpd_enforce_tls
    postscreen_expansion_filter $smtpd_expansion_filter
    postscreen_forbidden_commands $smtpd_forbidden_commands
    postscreen_greet_action ignore
    postscreen_greet_banner $smtpd_banner
    postscreen_greet_wait ${stress?{2}:{6}}s
    postscreen_helo_required $smtpd_helo_required
    postscreen_non_smtp_command_action drop
    postscreen_non_smtp_command_enable no
    postscreen_pipelining_action enforce
    postscreen_pipelining_enable no
    postscreen_post_queue_limit $default_process_limit
    postscreen_pre_queue_limit $default_process_limit
    postscreen_reject_footer $smtpd_reject_footer
    postscreen_reject_footer_maps $smtpd_reject_footer_maps
    postscreen_tls_security_level $smtpd_tls_security_level
    postscreen_upstream_proxy_timeout 5s
    postscreen_use_tls $smtpd_use_tls
    smtp_tls_block_early_mail_reply no
    smtp_tls_dane_insecure_mx_policy ${{$smtp_tls_security_level} == {dane} ? {dane} : {may}}
    smtp_tls_dkey_file $smtp_tls_dcert_file
    smtp_tls_enable_rpk no
    smtp_tls_force_insecure_host_tlsa_lookup no
    smtpd_authorized_verp_clients $authorized_verp_clients
    smtpd_client_ipv4_prefix_length 32
    smtpd_client_ipv6_prefix_length 84
    smtpd_hide_client_session no
    smtpd_policy_service_default_action 451 4.3.5 Server configuration problem
    smtpd_policy_service_max_idle 300s
    smtpd_policy_service_max_ttl 1000s
    smtpd_policy_service_request_limit 0
    smtpd_policy_service_retry_delay 1s
    smtpd_policy_service_timeout 100s
    smtpd_policy_service_try_limit 2
    smtpd_tls_enable_rpk no
    smtpd_upstream_proxy_timeout 5s
    strict_7bit_headers no
    strict_8bitmime no
    strict_8bitmime_body no
    strict_mime_encoding_domain no
    strict_smtputf8 no
    tls_append_default_CA no
    tls_dane_digests sha512 sha256
    tls_fast_shutdown_enable yes
    tls_legacy_public_key_fingerprints no
    tls_required_enable no
    """#
}
