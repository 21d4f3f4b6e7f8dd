/// Restriction lists of the SMTP server and the reply codes of their verbs.
extension Registry {
  static let access: [any ParameterKey] = [
    ListParameter.smtpdClientRestrictions,
    ListParameter.smtpdHeloRestrictions,
    ListParameter.smtpdSenderRestrictions,
    ListParameter.smtpdRelayRestrictions,
    ListParameter.smtpdRecipientRestrictions,
    ListParameter.smtpdDataRestrictions,
    ListParameter.smtpdEndOfDataRestrictions,
    ListParameter.smtpdEtrnRestrictions,
    ListParameter.smtpdRestrictionClasses,
    ListParameter.smtpdLogAccessPermitActions,
    ListParameter.permitMxBackupNetworks,
    TextParameter.rejectTempfailAction,
    TextParameter.unknownAddressTempfailAction,
    TextParameter.unknownHeloHostnameTempfailAction,
    TextParameter.smtpdNullAccessLookupKey,
    TextParameter.defaultRblReply,
    FlagParameter.smtpdRelayBeforeRecipientRestrictions,
    FlagParameter.smtpdRejectUnlistedRecipient,
    FlagParameter.smtpdRejectUnlistedSender,
    FlagParameter.showUserUnknownTableName,
    IntegerParameter.accessMapDeferCode,
    IntegerParameter.accessMapRejectCode,
    IntegerParameter.deferCode,
    IntegerParameter.invalidHostnameRejectCode,
    IntegerParameter.mapsRblRejectCode,
    IntegerParameter.nonFqdnRejectCode,
    IntegerParameter.plaintextRejectCode,
    IntegerParameter.rejectCode,
    IntegerParameter.relayDomainsRejectCode,
    IntegerParameter.unknownAddressRejectCode,
    IntegerParameter.unknownClientRejectCode,
    IntegerParameter.unknownHostnameRejectCode,
    IntegerParameter.unknownLocalRecipientRejectCode,
    IntegerParameter.unknownRelayRecipientRejectCode,
    IntegerParameter.unknownVirtualAliasRejectCode,
    IntegerParameter.unknownVirtualMailboxRejectCode,
    IntegerParameter.multiRecipientBounceRejectCode,
  ]
}

extension ListParameter {
  /// `smtpd_log_access_permit_actions`
  package static let smtpdLogAccessPermitActions = Self(
    "smtpd_log_access_permit_actions", default: "",
    "The permissions of restriction lists that are logged.")
  /// `smtpd_client_restrictions`
  package static let smtpdClientRestrictions = Self(
    "smtpd_client_restrictions", default: "",
    "What a client must pass at connect.")
  /// `smtpd_helo_restrictions`
  package static let smtpdHeloRestrictions = Self(
    "smtpd_helo_restrictions", default: "",
    "What a HELO or EHLO name must pass.")
  /// `smtpd_sender_restrictions`
  package static let smtpdSenderRestrictions = Self(
    "smtpd_sender_restrictions", default: "",
    "What a sender must pass.")
  private static let usualRelayRestrictions =
    "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"

  /// `smtpd_relay_restrictions`
  ///
  /// Below level 1 it is empty, as in Postfix, but only beside `smtpd_recipient_restrictions`: with
  /// neither of them Postfix's server does not start.
  package static let smtpdRelayRestrictions = Self(
    "smtpd_relay_restrictions",
    default:
      "${{$compatibility_level} <level {1} ? "
      + "{${smtpd_recipient_restrictions?{}:{\(usualRelayRestrictions)}}} : "
      + "{\(usualRelayRestrictions)}}",
    "What a recipient in another domain must pass.")
  /// `smtpd_recipient_restrictions`
  package static let smtpdRecipientRestrictions = Self(
    "smtpd_recipient_restrictions", default: "",
    "What a recipient must pass.")
  /// `smtpd_data_restrictions`
  package static let smtpdDataRestrictions = Self(
    "smtpd_data_restrictions", default: "",
    "What DATA must pass.")
  /// `smtpd_end_of_data_restrictions`
  package static let smtpdEndOfDataRestrictions = Self(
    "smtpd_end_of_data_restrictions", default: "",
    "What a whole message must pass.")
  /// `smtpd_etrn_restrictions`
  package static let smtpdEtrnRestrictions = Self(
    "smtpd_etrn_restrictions", default: "",
    "What ETRN must pass.")
  /// `smtpd_restriction_classes`
  package static let smtpdRestrictionClasses = Self(
    "smtpd_restriction_classes", default: "",
    "Names that stand for lists of restrictions.")
  /// `permit_mx_backup_networks`
  package static let permitMxBackupNetworks = Self(
    "permit_mx_backup_networks", default: "",
    "Networks whose primary MX this system may back up.")
}

extension TextParameter {
  /// `reject_tempfail_action`
  package static let rejectTempfailAction = Self(
    "reject_tempfail_action", default: "defer_if_permit", mayBeEmpty: false,
    "What a temporary failure of a reject restriction does.")
  /// `unknown_address_tempfail_action`
  package static let unknownAddressTempfailAction = Self(
    "unknown_address_tempfail_action", default: "$reject_tempfail_action", mayBeEmpty: false,
    "What a temporary failure of reject_unknown_sender_domain does.")
  /// `unknown_helo_hostname_tempfail_action`
  package static let unknownHeloHostnameTempfailAction = Self(
    "unknown_helo_hostname_tempfail_action", default: "$reject_tempfail_action", mayBeEmpty: false,
    "What a temporary failure of reject_unknown_helo_hostname does.")
  /// `smtpd_null_access_lookup_key`
  package static let smtpdNullAccessLookupKey = Self(
    "smtpd_null_access_lookup_key", default: "<>", mayBeEmpty: false,
    "The key that stands for the null sender in access tables.")
  /// `default_rbl_reply`
  package static let defaultRblReply = Self(
    "default_rbl_reply",
    default:
      "$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using "
      + "$rbl_domain${rbl_reason?; $rbl_reason}",
    mayBeEmpty: false, isRaw: true,
    "The reply to a client on a block list.")
}

extension FlagParameter {
  /// `smtpd_relay_before_recipient_restrictions`
  package static let smtpdRelayBeforeRecipientRestrictions = Self(
    "smtpd_relay_before_recipient_restrictions",
    default: "${{$compatibility_level} <level {3.6} ? {no} : {yes}}",
    "Whether relay restrictions come before recipient restrictions.")
  /// `smtpd_reject_unlisted_recipient`
  package static let smtpdRejectUnlistedRecipient = Self(
    "smtpd_reject_unlisted_recipient", default: "yes",
    "Whether unknown recipients are refused without a restriction saying so.")
  /// `smtpd_reject_unlisted_sender`
  package static let smtpdRejectUnlistedSender = Self(
    "smtpd_reject_unlisted_sender", default: "no",
    "Whether unknown senders in own domains are refused.")
  /// `show_user_unknown_table_name`
  package static let showUserUnknownTableName = Self(
    "show_user_unknown_table_name", default: "yes",
    "Whether replies name the table that lacks a recipient.")
}

extension IntegerParameter {
  /// `access_map_defer_code`
  package static let accessMapDeferCode = Self(
    "access_map_defer_code", default: "450", in: 400...599,
    "The reply code of a defer action.")
  /// `access_map_reject_code`
  package static let accessMapRejectCode = Self(
    "access_map_reject_code", default: "554", in: 400...599,
    "The reply code of a reject action.")
  /// `defer_code`
  package static let deferCode = Self(
    "defer_code", default: "450", in: 400...599,
    "The reply code of the defer restriction.")
  /// `invalid_hostname_reject_code`
  package static let invalidHostnameRejectCode = Self(
    "invalid_hostname_reject_code", default: "501", in: 400...599,
    "The reply code of reject_invalid_helo_hostname.")
  /// `maps_rbl_reject_code`
  package static let mapsRblRejectCode = Self(
    "maps_rbl_reject_code", default: "554", in: 400...599,
    "The reply code of block lists.")
  /// `non_fqdn_reject_code`
  package static let nonFqdnRejectCode = Self(
    "non_fqdn_reject_code", default: "504", in: 400...599,
    "The reply code of the reject_non_fqdn restrictions.")
  /// `plaintext_reject_code`
  package static let plaintextRejectCode = Self(
    "plaintext_reject_code", default: "450", in: 400...599,
    "The reply code of reject_plaintext_session.")
  /// `reject_code`
  package static let rejectCode = Self(
    "reject_code", default: "554", in: 400...599,
    "The reply code of the reject restriction.")
  /// `relay_domains_reject_code`
  package static let relayDomainsRejectCode = Self(
    "relay_domains_reject_code", default: "554", in: 400...599,
    "The reply code of reject_unauth_destination.")
  /// `unknown_address_reject_code`
  package static let unknownAddressRejectCode = Self(
    "unknown_address_reject_code", default: "450", in: 400...599,
    "The reply code of reject_unknown_sender_domain and its kin.")
  /// `unknown_client_reject_code`
  package static let unknownClientRejectCode = Self(
    "unknown_client_reject_code", default: "450", in: 400...599,
    "The reply code of reject_unknown_client_hostname.")
  /// `unknown_hostname_reject_code`
  package static let unknownHostnameRejectCode = Self(
    "unknown_hostname_reject_code", default: "450", in: 400...599,
    "The reply code of reject_unknown_helo_hostname.")
  /// `unknown_local_recipient_reject_code`
  package static let unknownLocalRecipientRejectCode = Self(
    "unknown_local_recipient_reject_code", default: "550", in: 400...599,
    "The reply code of unknown local recipients.")
  /// `unknown_relay_recipient_reject_code`
  package static let unknownRelayRecipientRejectCode = Self(
    "unknown_relay_recipient_reject_code", default: "550", in: 400...599,
    "The reply code of unknown recipients in relay_domains.")
  /// `unknown_virtual_alias_reject_code`
  package static let unknownVirtualAliasRejectCode = Self(
    "unknown_virtual_alias_reject_code", default: "550", in: 400...599,
    "The reply code of unknown virtual aliases.")
  /// `unknown_virtual_mailbox_reject_code`
  package static let unknownVirtualMailboxRejectCode = Self(
    "unknown_virtual_mailbox_reject_code", default: "550", in: 400...599,
    "The reply code of unknown virtual mailboxes.")
  /// `multi_recipient_bounce_reject_code`
  package static let multiRecipientBounceRejectCode = Self(
    "multi_recipient_bounce_reject_code", default: "550", in: 400...599,
    "The reply code of reject_multi_recipient_bounce.")
}
