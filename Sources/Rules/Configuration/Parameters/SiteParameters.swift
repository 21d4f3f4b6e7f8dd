/// The names, places and people of this mail system.
extension Registry {
  static let site: [any ParameterKey] = [
    TextParameter.compatibilityLevel, TextParameter.myhostname, TextParameter.mydomain,
    TextParameter.myorigin, ListParameter.mydestination, ListParameter.mynetworks,
    ChoiceParameter<NetworksStyle>.mynetworksStyle, ListParameter.inetInterfaces,
    ListParameter.inetProtocols, ListParameter.proxyInterfaces, TextParameter.configDirectory,
    TextParameter.queueDirectory, TextParameter.dataDirectory, TextParameter.mailOwner,
    TextParameter.setgidGroup, TextParameter.mailName, TextParameter.mailVersion,
    TextParameter.maillogFile, TextParameter.maillogFilePermissions,
    TextParameter.maillogFileCompressor, TextParameter.maillogFileRotateSuffix,
    ListParameter.maillogFilePrefixes, TextParameter.syslogName, TextParameter.syslogFacility,
    TextParameter.serviceName, TextParameter.processName, TextParameter.stress,
    TextParameter.multiInstanceName, ListParameter.parentDomainMatchesSubdomains,
    IntegerParameter.delayLoggingResolutionLimit, TextParameter.recipientDelimiter,
    IntegerParameter.defaultProcessLimit, DurationParameter.serviceThrottleTime,
    DurationParameter.ipcTimeout, DurationParameter.daemonTimeout,
    ListParameter.authorizedSubmitUsers, ListParameter.authorizedMailqUsers,
    ListParameter.authorizedFlushUsers, ListParameter.debugPeerList,
  ]
}

/// How `mynetworks` is worked out when it is not set.
package enum NetworksStyle: String, ParameterChoice {
  /// The address class of each interface.
  case `class`
  /// The subnet of each interface.
  case subnet
  /// The host alone.
  case host
}

extension ChoiceParameter<NetworksStyle> {
  /// `mynetworks_style`
  package static var mynetworksStyle: Self {
    Self(
      "mynetworks_style", default: "${{$compatibility_level} <level {2} ? {subnet} : {host}}",
      "How far the trusted network reaches when mynetworks is not set.")
  }
}

extension TextParameter {
  /// `compatibility_level`
  ///
  /// Not set it is 0, as in Postfix: old files keep their meaning, and a warning names each
  /// default that is an old one (`CompatibilityCheck`).
  package static let compatibilityLevel = Self(
    level: "compatibility_level", default: "0",
    "The release whose defaults are wanted; lower levels bring back older ones.")
  /// `myhostname`
  package static let myhostname = Self(
    "myhostname", default: .hostname, .hostname, "The full name of this mail system.")
  /// `mydomain`
  package static let mydomain = Self(
    "mydomain", default: .domain, .hostname, "The domain of this mail system.")
  /// `myorigin`
  package static let myorigin = Self(
    "myorigin", default: "$myhostname", .originDomain, mayBeEmpty: false,
    "The domain that local senders without one get; a path names a file with it.")
  /// `config_directory`
  package static let configDirectory = Self(
    "config_directory", default: "/etc/martinet", mayBeEmpty: false,
    "Where main.cf and master.cf are.")
  /// `queue_directory`
  package static let queueDirectory = Self(
    "queue_directory", default: "/var/spool/postfix", .absolutePath, mayBeEmpty: false,
    "Where the spool is.")
  /// `data_directory`
  package static let dataDirectory = Self(
    "data_directory", default: "/var/lib/postfix", mayBeEmpty: false,
    "Where caches and other data of the mail system are.")
  /// `mail_owner`
  package static let mailOwner = Self(
    "mail_owner", default: "postfix", mayBeEmpty: false,
    "The user that owns the spool and runs most processes.")
  /// `setgid_group`
  package static let setgidGroup = Self(
    "setgid_group", default: "postdrop", mayBeEmpty: false,
    "The group through which local users submit mail.")
  /// `mail_name`
  package static let mailName = Self(
    "mail_name", default: "Martinet", mayBeEmpty: false, "The product name shown to clients.")
  /// `mail_version`
  package static let mailVersion = Self(
    "mail_version", default: "0.1.0", mayBeEmpty: false, "The version of this mail system.")
  /// `maillog_file`
  package static let maillogFile = Self(
    "maillog_file", default: "", .absolutePath,
    "The log file, or /dev/stdout; empty means syslog or journal.")
  /// `maillog_file_compressor`
  package static let maillogFileCompressor = Self(
    "maillog_file_compressor", default: "gzip",
    "The program that postfix logrotate runs on the old log file.")
  /// `maillog_file_rotate_suffix`
  package static let maillogFileRotateSuffix = Self(
    "maillog_file_rotate_suffix", default: "%Y%m%d-%H%M%S",
    "What postfix logrotate appends to the log file's name, in the form of strftime(3).")
  /// `maillog_file_permissions`
  package static let maillogFilePermissions = Self(
    "maillog_file_permissions", default: "0600", mayBeEmpty: false,
    "The octal mode of a new log file.")
  /// `syslog_name`
  package static let syslogName = Self(
    "syslog_name", default: "${multi_instance_name?{$multi_instance_name}:{postfix}}",
    mayBeEmpty: false, "The name before the process name in log lines.")
  /// `syslog_facility`
  package static let syslogFacility = Self(
    "syslog_facility", default: "mail", mayBeEmpty: false, "The syslog facility of log lines.")
  /// `service_name`
  package static let serviceName = Self(
    "service_name", default: "", "The master.cf name of the service that reads the value.")
  /// `process_name`
  package static let processName = Self(
    "process_name", default: "", "The name of the program that reads the value.")
  /// `stress`
  package static let stress = Self(
    "stress", default: "", "Not empty while a service has more sessions than it can take.")
  /// `multi_instance_name`
  package static let multiInstanceName = Self(
    "multi_instance_name", default: "", "The name of this instance when a host has several.")
  /// `recipient_delimiter`
  package static let recipientDelimiter = Self(
    "recipient_delimiter", default: "", "The characters that part a user from an extension.")
}

extension ListParameter {
  /// `mydestination`
  package static let mydestination = Self(
    "mydestination", default: "$myhostname, localhost.$mydomain, localhost",
    "The domains whose mail is delivered to local users.")
  /// `mynetworks`
  package static let mynetworks = Self(
    "mynetworks", default: .networks, "The clients that may relay.")
  /// `inet_interfaces`
  package static let inetInterfaces = Self(
    "inet_interfaces", default: "all", "The addresses that receive mail.")
  /// `inet_protocols`
  package static let inetProtocols = Self(
    "inet_protocols", default: "all", of: ["all", "ipv4", "ipv6"],
    "The Internet protocols that are used.")
  /// `proxy_interfaces`
  package static let proxyInterfaces = Self(
    "proxy_interfaces", default: "", "Addresses of this system behind a proxy or translator.")
  /// `maillog_file_prefixes`
  package static let maillogFilePrefixes = Self(
    "maillog_file_prefixes", default: "/var, /dev/stdout",
    "What the name of the log file may start with.")
  /// `parent_domain_matches_subdomains`
  package static let parentDomainMatchesSubdomains = Self(
    "parent_domain_matches_subdomains",
    default: "debug_peer_list,fast_flush_domains,mynetworks,permit_mx_backup_networks,"
      + "qmqpd_authorized_clients,relay_domains,smtpd_access_maps",
    "The lists in which a domain also stands for those below it.")
  /// `debug_peer_list`
  package static let debugPeerList = Self(
    "debug_peer_list", default: "", "The clients whose dialogue is logged line by line.")
  /// `authorized_submit_users`
  package static let authorizedSubmitUsers = Self(
    "authorized_submit_users", default: "static:anyone", "Who may submit mail with sendmail.")
  /// `authorized_mailq_users`
  package static let authorizedMailqUsers = Self(
    "authorized_mailq_users", default: "static:anyone", "Who may look at the queue.")
  /// `authorized_flush_users`
  package static let authorizedFlushUsers = Self(
    "authorized_flush_users", default: "static:anyone", "Who may flush the queue.")
}

extension IntegerParameter {
  /// `delay_logging_resolution_limit`
  package static let delayLoggingResolutionLimit = Self(
    "delay_logging_resolution_limit", default: "2", in: 0...6,
    "Digits after the point in logged delays.")
  /// `default_process_limit`
  package static let defaultProcessLimit = Self(
    "default_process_limit", default: "100", in: 1...Int(Int32.max),
    "Processes of a service; sessions are limited by session_limit instead.")
}

extension DurationParameter {
  /// `service_throttle_time`
  package static let serviceThrottleTime = Self(
    "service_throttle_time", default: "60s", min: .seconds(1),
    "The longest pause before a process that keeps failing is started again.")
  /// `ipc_timeout`
  package static let ipcTimeout = Self(
    "ipc_timeout", default: "3600s", min: .seconds(1),
    "How long an answer of another process may take.")
  /// `daemon_timeout`
  package static let daemonTimeout = Self(
    "daemon_timeout", default: "18000s", min: .seconds(1),
    "How long a process may be busy with one request before it counts as stuck.")
}
