/// Parameters of Postfix that change what happens to mail.
extension PostfixParameters {
  /// The names of those whose default is empty.
  static let changesBehaviourNames = #"""
    always_bcc best_mx_transport canonical_maps
    default_delivery_status_filter
    full_name_encoding_charset internal_mail_filter_classes
    lmtp_connection_cache_destinations lmtp_discard_lhlo_keyword_address_maps
    lmtp_dns_reply_filter lmtp_dns_resolver_options
    lmtp_dns_support_level lmtp_fallback_relay lmtp_generic_maps lmtp_pix_workaround_maps
    lmtp_reply_filter mailbox_command_maps
    masquerade_domains masquerade_exceptions recipient_bcc_maps
    recipient_canonical_maps relocated_maps remote_header_rewrite_domain sender_bcc_maps
    sender_canonical_maps sender_dependent_default_transport_maps
    sender_dependent_relayhost_maps smtp_discard_ehlo_keyword_address_maps smtp_dns_reply_filter
    smtp_dns_resolver_options smtp_generic_maps smtp_pix_workaround_maps smtp_reply_filter
    smtpd_dns_reply_filter
    smtpd_proxy_options smtpd_reject_filter_maps
    undisclosed_recipients_header
    unverified_recipient_reject_reason unverified_sender_reject_reason
    """#

  /// The others with their defaults.
  static let changesBehaviourDefaults = #"""
    address_verify_cache_cleanup_interval 12h
    address_verify_default_transport $default_transport
    address_verify_local_transport $local_transport
    address_verify_map btree:$data_directory/verify_cache
    address_verify_negative_cache yes
    address_verify_negative_expire_time 3d
    address_verify_negative_refresh_time 3h
    address_verify_pending_request_limit 5000
    address_verify_poll_count ${stress?{1}:{3}}
    address_verify_poll_delay 3s
    address_verify_positive_expire_time 31d
    address_verify_positive_refresh_time 7d
    address_verify_relay_transport $relay_transport
    address_verify_relayhost $relayhost
    address_verify_sender $double_bounce_sender
    address_verify_sender_dependent_default_transport_maps \#
    $sender_dependent_default_transport_maps
    address_verify_sender_dependent_relayhost_maps $sender_dependent_relayhost_maps
    address_verify_sender_ttl 0s
    address_verify_transport_maps $transport_maps
    address_verify_virtual_transport $virtual_transport
    allow_min_user no
    canonical_classes envelope_sender, envelope_recipient, header_sender, header_recipient
    default_verp_delimiters +=
    detect_8bit_encoding_header yes
    disable_mime_input_processing no
    disable_mime_output_conversion no
    disable_verp_bounces no
    empty_address_default_transport_maps_lookup_key <>
    empty_address_relayhost_maps_lookup_key <>
    enable_idna2003_compatibility no
    enable_threaded_bounces no
    fast_flush_domains $relay_domains
    fast_flush_purge_time 7d
    fast_flush_refresh_time 12h
    force_mime_input_conversion no
    frozen_delivered_to yes
    header_address_token_limit 10240
    header_from_format standard
    lmtp_address_preference any
    lmtp_address_verify_target rcpt
    lmtp_balance_inet_protocols yes
    lmtp_bind_address_enforce no
    lmtp_cname_overrides_servername no
    lmtp_connection_cache_on_demand yes
    lmtp_defer_if_no_mx_address_found no
    lmtp_delivery_status_filter $default_delivery_status_filter
    lmtp_host_lookup dns
    lmtp_line_length_limit 998
    lmtp_min_data_rate 500
    lmtp_mx_address_limit 5
    lmtp_mx_session_limit 2
    lmtp_per_request_deadline ${lmtp_per_record_deadline?{$lmtp_per_record_deadline}:{no}}
    lmtp_pix_workaround_delay_time 10s
    lmtp_pix_workaround_threshold_time 500s
    lmtp_pix_workarounds disable_esmtp,delay_dotcrlf
    lmtp_quote_rfc821_envelope yes
    lmtp_randomize_addresses yes
    lmtp_send_dummy_mail_auth no
    lmtp_send_xforward_command no
    lmtp_xforward_timeout 300s
    local_delivery_status_filter $default_delivery_status_filter
    masquerade_classes envelope_sender, header_sender, header_recipient
    mime_boundary_length_limit 2048
    mime_nesting_limit 100
    owner_request_special yes
    pipe_delivery_status_filter $default_delivery_status_filter
    prepend_delivered_header command, file, forward
    qmqpd_client_port_logging no
    qmqpd_error_delay 1s
    qmqpd_timeout 300s
    recipient_canonical_classes envelope_recipient, header_recipient
    require_home_directory no
    reset_owner_alias no
    send_cyrus_sasl_authzid no
    sender_canonical_classes envelope_sender, header_sender
    smtp_address_verify_target rcpt
    smtp_cname_overrides_servername no
    smtp_delivery_status_filter $default_delivery_status_filter
    smtp_send_dummy_mail_auth no
    smtpd_proxy_ehlo $myhostname
    smtpd_proxy_timeout 100s
    smtputf8_autodetect_classes sendmail, verify
    unverified_recipient_defer_code 450
    unverified_recipient_reject_code 450
    unverified_recipient_tempfail_action $reject_tempfail_action
    unverified_sender_defer_code 450
    unverified_sender_reject_code 450
    unverified_sender_tempfail_action $reject_tempfail_action
    verp_delimiter_filter -=+
    virtual_delivery_status_filter $default_delivery_status_filter
    """#
}
