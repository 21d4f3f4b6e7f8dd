/// Limits of messages, notices about them, and local delivery.
extension Registry {
  static let message: [any ParameterKey] = [
    SizeParameter.messageSizeLimit,
    SizeParameter.mailboxSizeLimit,
    SizeParameter.headerSizeLimit,
    SizeParameter.bounceSizeLimit,
    SizeParameter.aliasIncludeSizeLimit,
    IntegerParameter.lineLengthLimit,
    IntegerParameter.hopcountLimit,
    IntegerParameter.aliasExpansionLimit,
    TextParameter.bounceNoticeRecipient,
    TextParameter.doubleBounceNoticeRecipient,
    TextParameter.delayNoticeRecipient,
    TextParameter.errorNoticeRecipient,
    TextParameter.bounceTemplateFile,
    TextParameter.homeMailbox,
    TextParameter.mailSpoolDirectory,
    TextParameter.luserRelay,
    TextParameter.mailboxCommand,
    TextParameter.mailboxTransport,
    TextParameter.forwardPath,
    ListParameter.notifyClasses,
    ListParameter.aliasMaps,
    ListParameter.aliasDatabase,
    ListParameter.propagateUnmatchedExtensions,
    ListParameter.localHeaderRewriteClients,
    FlagParameter.alwaysAddMissingHeaders,
    FlagParameter.enableOriginalRecipient,
    FlagParameter.confirmDelayCleared,
    FlagParameter.biff,
  ]
}

extension SizeParameter {
  /// `message_size_limit`
  package static let messageSizeLimit = Self(
    "message_size_limit", default: "10240000",
    "The largest message, in bytes; 0 is no limit.")
  /// `mailbox_size_limit`
  package static let mailboxSizeLimit = Self(
    "mailbox_size_limit", default: "51200000",
    "The largest mailbox file, in bytes; 0 is no limit.")
  /// `header_size_limit`
  package static let headerSizeLimit = Self(
    "header_size_limit", default: "102400", in: 1...Int64.max,
    "The largest header, in bytes; what is longer is cut.")
  /// `bounce_size_limit`
  package static let bounceSizeLimit = Self(
    "bounce_size_limit", default: "50000", in: 1...Int64.max,
    "How much of a message a notice returns, in bytes.")
  /// `alias_include_size_limit`
  package static let aliasIncludeSizeLimit = Self(
    "alias_include_size_limit", default: "262144", in: 1...16_777_216,
    "The largest file that an alias of alias_maps may include, in bytes.")
}

extension IntegerParameter {
  /// `line_length_limit`
  package static let lineLengthLimit = Self(
    "line_length_limit", default: "2048", in: 512...Int(Int32.max),
    "The longest line held in one piece, in bytes.")
  /// `hopcount_limit`
  package static let hopcountLimit = Self(
    "hopcount_limit", default: "50", in: 1...Int(Int32.max),
    "Received headers above which a message counts as looping.")
  /// `alias_expansion_limit`
  package static let aliasExpansionLimit = Self(
    "alias_expansion_limit", default: "1000", in: 1...100_000,
    "How many addresses one local recipient may stand for in alias_maps, and files it may include.")
}

extension TextParameter {
  /// `bounce_notice_recipient`
  package static let bounceNoticeRecipient = Self(
    "bounce_notice_recipient", default: "postmaster", mayBeEmpty: false,
    "Who gets copies of notices to senders.")
  /// `2bounce_notice_recipient`
  package static let doubleBounceNoticeRecipient = Self(
    "2bounce_notice_recipient", default: "postmaster", mayBeEmpty: false,
    "Who gets notices that cannot be returned.")
  /// `delay_notice_recipient`
  package static let delayNoticeRecipient = Self(
    "delay_notice_recipient", default: "postmaster", mayBeEmpty: false,
    "Who gets copies of delay warnings.")
  /// `error_notice_recipient`
  package static let errorNoticeRecipient = Self(
    "error_notice_recipient", default: "postmaster", mayBeEmpty: false,
    "Who gets reports about protocol and other errors.")
  /// `bounce_template_file`
  package static let bounceTemplateFile = Self(
    "bounce_template_file", default: "",
    "A file with the texts of notices.")
  /// `home_mailbox`
  package static let homeMailbox = Self(
    "home_mailbox", default: "",
    "The mailbox below the home directory; with / at its end a Maildir.")
  /// `mail_spool_directory`
  package static let mailSpoolDirectory = Self(
    "mail_spool_directory", default: "/var/mail", mayBeEmpty: false,
    "Where mailboxes are when home_mailbox is empty.")
  /// `luser_relay`
  package static let luserRelay = Self(
    "luser_relay", default: "", isRaw: true,
    "Who gets mail for unknown local users.")
  /// `mailbox_command`
  package static let mailboxCommand = Self(
    "mailbox_command", default: "", isRaw: true,
    "The command that stores local mail.")
  /// `mailbox_transport`
  package static let mailboxTransport = Self(
    "mailbox_transport", default: "",
    "Transport of mail for all local users.")
  /// `forward_path`
  package static let forwardPath = Self(
    "forward_path", default: "$home/.forward${recipient_delimiter}${extension}, $home/.forward",
    isRaw: true,
    "Where the forwarding files of users are.")
}

extension ListParameter {
  /// `notify_classes`
  package static let notifyClasses = Self(
    "notify_classes", default: "resource, software",
    of: ["bounce", "2bounce", "data", "delay", "policy", "protocol", "resource", "software"],
    "The kinds of trouble that the postmaster hears of.")
  /// `alias_maps`
  package static let aliasMaps = Self(
    "alias_maps", default: "hash:/etc/aliases",
    "Tables of the aliases of local users: addresses, commands and files.")
  /// `alias_database`
  package static let aliasDatabase = Self(
    "alias_database", default: "hash:/etc/aliases",
    "The alias tables that newaliases makes.")
  /// `propagate_unmatched_extensions`
  package static let propagateUnmatchedExtensions = Self(
    "propagate_unmatched_extensions", default: "canonical, virtual",
    of: ["canonical", "virtual", "alias", "forward", "include", "generic"],
    "The rewritings that keep an address extension.")
  /// `local_header_rewrite_clients`
  package static let localHeaderRewriteClients = Self(
    "local_header_rewrite_clients", default: "permit_inet_interfaces",
    "Clients whose message headers are completed.")
}

extension FlagParameter {
  /// `always_add_missing_headers`
  package static let alwaysAddMissingHeaders = Self(
    "always_add_missing_headers", default: "no",
    "Whether missing headers are added to mail of all clients.")
  /// `confirm_delay_cleared`
  package static let confirmDelayCleared = Self(
    "confirm_delay_cleared", default: "no",
    "Whether senders who were told of a delay hear when the mail has left after all.")
  /// `enable_original_recipient`
  package static let enableOriginalRecipient = Self(
    "enable_original_recipient", default: "yes",
    "Whether the original recipient is kept.")
  /// `biff`
  package static let biff = Self(
    "biff", default: "no",
    "Whether local users are told of new mail; they never are.")
}
