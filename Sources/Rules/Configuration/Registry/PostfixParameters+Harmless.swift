/// Parameters of Postfix that may be ignored: layout of an installation, debugging,
/// processes that do not exist here.
extension PostfixParameters {
  /// The names.
  static let harmlessNames = #"""
    address_verify_service_name alternate_config_directories application_event_drain_time
    backwards_bounce_logfile_compatibility berkeley_db_create_buffer_size
    berkeley_db_read_buffer_size bounce_service_name cleanup_service_name command_directory
    connection_cache_protocol_timeout connection_cache_service_name
    connection_cache_status_update_time connection_cache_ttl_limit cyrus_sasl_config_path
    daemon_directory daemon_table_open_error_is_fatal debug_peer_level
    debugger_command default_database_type defer_service_name dns_ncache_ttl_fix_enable
    dnsblog_reply_delay dnsblog_service_name dnssec_probe dont_remove error_service_name
    export_environment fault_injection_code flush_service_name fork_attempts fork_delay
    hash_queue_names helpful_warnings html_directory import_environment in_flow_delay
    info_log_address_format ipc_idle ipc_ttl known_tcp_ports lmdb_map_size
    lmtp_sasl_auth_cache_name lmtp_sasl_auth_cache_time lmtp_sasl_path
    mail_release_date mailq_path
    milter_unknown_command_macros
    manpage_directory max_idle max_use meta_directory multi_instance_directories
    multi_instance_enable multi_instance_group multi_instance_wrapper newaliases_path
    openssl_path pickup_service_name postlog_service_name postlogd_watchdog_timeout
    postmulti_control_commands postmulti_start_commands postmulti_stop_commands
    postscreen_bare_newline_ttl postscreen_cache_cleanup_interval postscreen_cache_map
    postscreen_cache_retention_time postscreen_dnsbl_max_ttl postscreen_dnsbl_min_ttl
    postscreen_greet_ttl postscreen_non_smtp_command_ttl postscreen_pipelining_ttl
    postscreen_watchdog_timeout process_id process_id_directory proxy_read_maps proxy_write_maps
    proxymap_service_name proxywrite_service_name qmgr_fudge_factor qmgr_ipc_timeout
    queue_file_attribute_count_limit queue_service_name readme_directory respectful_logging
    rewrite_service_name sample_directory sendmail_fix_line_endings sendmail_path
    shlib_directory showq_service_name smtp_sasl_auth_cache_name smtp_sasl_auth_cache_time
    smtp_sasl_path smtp_tls_connection_reuse smtpd_sasl_local_domain
    smtpd_tls_always_issue_session_ids smtpd_tls_dcert_file
    smtpd_tls_dkey_file smtpd_tls_eecdh_grade tls_eecdh_strong_curve tls_eecdh_ultra_curve
    smtpd_tls_dh1024_param_file smtpd_tls_dh512_param_file
    smtpd_tls_session_cache_database socketmap_max_reply_size
    sun_mailtool_compatibility tcp_windowsize tls_config_file tls_config_name
    tls_daemon_random_bytes tls_random_bytes tls_random_exchange_name
    tls_random_prng_update_period tls_random_reseed_period tls_random_source
    tls_session_ticket_cipher tlsmgr_service_name tlsproxy_client_CAfile tlsproxy_client_CApath
    tlsproxy_client_cert_file tlsproxy_client_chain_files tlsproxy_client_dcert_file
    tlsproxy_client_dkey_file tlsproxy_client_eccert_file tlsproxy_client_eckey_file
    tlsproxy_client_enforce_tls tlsproxy_client_fingerprint_digest tlsproxy_client_key_file
    tlsproxy_client_loglevel tlsproxy_client_loglevel_parameter tlsproxy_client_per_site
    tlsproxy_client_policy_maps tlsproxy_client_scert_verifydepth tlsproxy_client_security_level
    tlsproxy_client_use_tls tlsproxy_enforce_tls tlsproxy_service_name tlsproxy_tls_CAfile
    tlsproxy_tls_CApath tlsproxy_tls_always_issue_session_ids tlsproxy_tls_ask_ccert
    tlsproxy_tls_ccert_verifydepth tlsproxy_tls_cert_file tlsproxy_tls_chain_files
    tlsproxy_tls_ciphers tlsproxy_tls_dcert_file tlsproxy_tls_dh1024_param_file
    tlsproxy_tls_dh512_param_file tlsproxy_tls_dkey_file tlsproxy_tls_eccert_file
    tlsproxy_tls_eckey_file tlsproxy_tls_eecdh_grade tlsproxy_tls_exclude_ciphers
    tlsproxy_tls_fingerprint_digest tlsproxy_tls_key_file tlsproxy_tls_loglevel
    tlsproxy_tls_mandatory_ciphers tlsproxy_tls_mandatory_exclude_ciphers
    tlsproxy_tls_mandatory_protocols tlsproxy_tls_protocols tlsproxy_tls_req_ccert
    tlsproxy_tls_security_level tlsproxy_use_tls tlsproxy_watchdog_timeout trace_service_name
    trigger_timeout
    """#
}
