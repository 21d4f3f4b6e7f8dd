/// Parameters of Postfix that may be ignored: layout of an installation, debugging,
/// processes that do not exist here.
extension PostfixParameters {
  /// The names of those that are empty.
  static let harmlessNames = #"""
    alternate_config_directories cyrus_sasl_config_path debugger_command
    lmtp_sasl_auth_cache_name lmtp_sasl_path mail_release_date milter_unknown_command_macros
    multi_instance_directories multi_instance_group multi_instance_wrapper process_id
    smtp_sasl_auth_cache_name smtp_sasl_path smtpd_sasl_local_domain smtpd_tls_dcert_file
    smtpd_tls_dh1024_param_file smtpd_tls_dh512_param_file smtpd_tls_session_cache_database
    socketmap_max_reply_size tls_config_name
    """#

  /// The others with the value that Debian's Postfix takes: scripts ask for some of them.
  static let harmlessDefaults = #"""
    address_verify_service_name verify
    application_event_drain_time 100s
    backwards_bounce_logfile_compatibility yes
    berkeley_db_create_buffer_size 16777216
    berkeley_db_read_buffer_size 131072
    bounce_service_name bounce
    cleanup_service_name cleanup
    command_directory /usr/sbin
    connection_cache_protocol_timeout 5s
    connection_cache_service_name scache
    connection_cache_status_update_time 600s
    connection_cache_ttl_limit 2s
    daemon_directory /usr/lib/postfix/sbin
    daemon_table_open_error_is_fatal no
    debug_peer_level 2
    default_database_type hash
    defer_service_name defer
    dns_ncache_ttl_fix_enable no
    dnsblog_reply_delay 0s
    dnsblog_service_name dnsblog
    dnssec_probe ns:.
    dont_remove 0
    error_service_name error
    export_environment TZ MAIL_CONFIG LANG
    fault_injection_code 0
    flush_service_name flush
    fork_attempts 5
    fork_delay 1s
    hash_queue_names deferred, defer
    helpful_warnings yes
    html_directory /usr/share/doc/postfix/html
    import_environment MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C \#
    POSTLOG_SERVICE POSTLOG_HOSTNAME
    in_flow_delay 1s
    info_log_address_format external
    ipc_idle 5s
    ipc_ttl 1000s
    known_tcp_ports lmtp=24, smtp=25, smtps=submissions=465, submission=587
    lmdb_map_size 16777216
    lmtp_sasl_auth_cache_time 90d
    lmtp_sender_dependent_authentication no
    lmtp_tls_connection_reuse no
    mailq_path /usr/bin/mailq
    manpage_directory /usr/share/man
    max_idle 100s
    max_use 100
    meta_directory /etc/postfix
    multi_instance_enable no
    newaliases_path /usr/bin/newaliases
    openssl_path openssl
    pickup_service_name pickup
    postlog_service_name postlog
    postlogd_watchdog_timeout 10s
    postmulti_control_commands reload flush
    postmulti_start_commands start
    postmulti_stop_commands stop abort drain quick-stop
    postscreen_bare_newline_ttl 30d
    postscreen_cache_cleanup_interval 12h
    postscreen_cache_map btree:$data_directory/postscreen_cache
    postscreen_cache_retention_time 7d
    postscreen_dnsbl_max_ttl ${postscreen_dnsbl_ttl?{$postscreen_dnsbl_ttl}:{1}}h
    postscreen_dnsbl_min_ttl 60s
    postscreen_greet_ttl 1d
    postscreen_non_smtp_command_ttl 30d
    postscreen_pipelining_ttl 30d
    postscreen_watchdog_timeout 10s
    process_id_directory pid
    proxy_read_maps $local_recipient_maps $mydestination $virtual_alias_maps \#
    $virtual_alias_domains $virtual_mailbox_maps $virtual_mailbox_domains \#
    $relay_recipient_maps $relay_domains $canonical_maps $sender_canonical_maps \#
    $recipient_canonical_maps $relocated_maps $transport_maps $mynetworks \#
    $smtpd_sender_login_maps $sender_bcc_maps $recipient_bcc_maps $smtp_generic_maps \#
    $lmtp_generic_maps $alias_maps $smtpd_client_restrictions $smtpd_helo_restrictions \#
    $smtpd_sender_restrictions $smtpd_relay_restrictions $smtpd_recipient_restrictions \#
    $address_verify_sender_dependent_default_transport_maps \#
    $address_verify_sender_dependent_relayhost_maps $address_verify_transport_maps \#
    $fallback_transport_maps $lmtp_discard_lhlo_keyword_address_maps $lmtp_pix_workaround_maps \#
    $lmtp_sasl_password_maps $lmtp_tls_policy_maps $mailbox_command_maps \#
    $mailbox_transport_maps $postscreen_discard_ehlo_keyword_address_maps $rbl_reply_maps \#
    $sender_dependent_default_transport_maps $sender_dependent_relayhost_maps \#
    $smtp_discard_ehlo_keyword_address_maps $smtp_pix_workaround_maps $smtp_sasl_password_maps \#
    $smtp_tls_policy_maps $smtpd_discard_ehlo_keyword_address_maps $smtpd_milter_maps \#
    $virtual_gid_maps $virtual_uid_maps $local_login_sender_maps \#
    $postscreen_reject_footer_maps $smtpd_reject_footer_maps $tls_server_sni_maps \#
    $tlsproxy_client_policy_maps $default_delivery_status_filter $lmtp_delivery_status_filter \#
    $lmtp_dns_reply_filter $lmtp_reply_filter $local_delivery_status_filter \#
    $pipe_delivery_status_filter $postscreen_command_filter $smtp_delivery_status_filter \#
    $smtp_dns_reply_filter $smtp_reply_filter $smtpd_command_filter $smtpd_dns_reply_filter \#
    $virtual_delivery_status_filter $body_checks $header_checks $lmtp_body_checks \#
    $lmtp_header_checks $lmtp_mime_header_checks $lmtp_nested_header_checks \#
    $milter_header_checks $mime_header_checks $nested_header_checks $smtp_body_checks \#
    $smtp_header_checks $smtp_mime_header_checks $smtp_nested_header_checks
    proxy_write_maps $smtp_sasl_auth_cache_name $lmtp_sasl_auth_cache_name $address_verify_map \#
    $postscreen_cache_map
    proxymap_service_name proxymap
    proxywrite_service_name proxywrite
    qmgr_fudge_factor 100
    qmgr_ipc_timeout 60s
    queue_file_attribute_count_limit 100
    queue_service_name qmgr
    readme_directory /usr/share/doc/postfix
    respectful_logging ${{$compatibility_level} <level {3.6} ? {no} : {yes}}
    rewrite_service_name rewrite
    sample_directory /etc/postfix
    sendmail_fix_line_endings always
    sendmail_path /usr/sbin/sendmail
    shlib_directory /usr/lib/postfix
    showq_service_name showq
    smtp_sasl_auth_cache_time 90d
    smtp_tls_connection_reuse no
    smtpd_tls_always_issue_session_ids yes
    smtpd_tls_dkey_file $smtpd_tls_dcert_file
    smtpd_tls_eecdh_grade auto
    sun_mailtool_compatibility no
    tcp_windowsize 0
    tls_config_file default
    tls_daemon_random_bytes 32
    tls_eecdh_strong_curve prime256v1
    tls_eecdh_ultra_curve secp384r1
    tls_random_bytes 32
    tls_random_exchange_name ${data_directory}/prng_exch
    tls_random_prng_update_period 3600s
    tls_random_reseed_period 3600s
    tls_random_source dev:/dev/urandom
    tls_session_ticket_cipher aes-256-cbc
    tlsmgr_service_name tlsmgr
    tlsproxy_client_CAfile $smtp_tls_CAfile
    tlsproxy_client_CApath $smtp_tls_CApath
    tlsproxy_client_cert_file $smtp_tls_cert_file
    tlsproxy_client_chain_files $smtp_tls_chain_files
    tlsproxy_client_dcert_file $smtp_tls_dcert_file
    tlsproxy_client_dkey_file $smtp_tls_dkey_file
    tlsproxy_client_eccert_file $smtp_tls_eccert_file
    tlsproxy_client_eckey_file $smtp_tls_eckey_file
    tlsproxy_client_enforce_tls $smtp_enforce_tls
    tlsproxy_client_fingerprint_digest $smtp_tls_fingerprint_digest
    tlsproxy_client_key_file $smtp_tls_key_file
    tlsproxy_client_loglevel $smtp_tls_loglevel
    tlsproxy_client_loglevel_parameter smtp_tls_loglevel
    tlsproxy_client_per_site $smtp_tls_per_site
    tlsproxy_client_policy_maps ${tlsproxy_client_policy:$smtp_tls_policy_maps}
    tlsproxy_client_scert_verifydepth $smtp_tls_scert_verifydepth
    tlsproxy_client_security_level ${tlsproxy_client_level:$smtp_tls_security_level}
    tlsproxy_client_use_tls $smtp_use_tls
    tlsproxy_enforce_tls $smtpd_enforce_tls
    tlsproxy_service_name tlsproxy
    tlsproxy_tls_CAfile $smtpd_tls_CAfile
    tlsproxy_tls_CApath $smtpd_tls_CApath
    tlsproxy_tls_always_issue_session_ids $smtpd_tls_always_issue_session_ids
    tlsproxy_tls_ask_ccert $smtpd_tls_ask_ccert
    tlsproxy_tls_ccert_verifydepth $smtpd_tls_ccert_verifydepth
    tlsproxy_tls_cert_file $smtpd_tls_cert_file
    tlsproxy_tls_chain_files $smtpd_tls_chain_files
    tlsproxy_tls_ciphers $smtpd_tls_ciphers
    tlsproxy_tls_dcert_file $smtpd_tls_dcert_file
    tlsproxy_tls_dh1024_param_file $smtpd_tls_dh1024_param_file
    tlsproxy_tls_dh512_param_file $smtpd_tls_dh512_param_file
    tlsproxy_tls_dkey_file $smtpd_tls_dkey_file
    tlsproxy_tls_eccert_file $smtpd_tls_eccert_file
    tlsproxy_tls_eckey_file $smtpd_tls_eckey_file
    tlsproxy_tls_eecdh_grade $smtpd_tls_eecdh_grade
    tlsproxy_tls_exclude_ciphers $smtpd_tls_exclude_ciphers
    tlsproxy_tls_fingerprint_digest $smtpd_tls_fingerprint_digest
    tlsproxy_tls_key_file $smtpd_tls_key_file
    tlsproxy_tls_loglevel $smtpd_tls_loglevel
    tlsproxy_tls_mandatory_ciphers $smtpd_tls_mandatory_ciphers
    tlsproxy_tls_mandatory_exclude_ciphers $smtpd_tls_mandatory_exclude_ciphers
    tlsproxy_tls_mandatory_protocols $smtpd_tls_mandatory_protocols
    tlsproxy_tls_protocols $smtpd_tls_protocols
    tlsproxy_tls_req_ccert $smtpd_tls_req_ccert
    tlsproxy_tls_security_level $smtpd_tls_security_level
    tlsproxy_use_tls $smtpd_use_tls
    tlsproxy_watchdog_timeout 10s
    trace_service_name trace
    trigger_timeout 10s
    """#
}
