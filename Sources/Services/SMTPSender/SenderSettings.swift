import Configuration
import Primitives
import Reactor
import SMTPClientCore
import ServiceKit

/// What the configuration says about a transport that speaks SMTP, read once.
struct SenderSettings: Sendable {
  let client: SMTPClientSettings
  /// How long an idle connection is kept (`smtp_connection_cache_time_limit`).
  let idleTime: Duration
  /// How long a connection may be used (`smtp_connection_reuse_time_limit`).
  let reuseTime: Duration
  /// How often a connection may be used; 0 for any number (`smtp_connection_reuse_count_limit`).
  let reuseCount: Int
  /// The local address for IPv4 connections (`smtp_bind_address`).
  let bindAddress: IPAddress?
  /// The local address for IPv6 connections (`smtp_bind_address6`).
  let bindAddress6: IPAddress?
  /// The port of next hops that name none.
  let defaultPort: UInt16
  /// Whether a server that knows nothing of delivery reports is the end of a message's way
  /// (`lmtp_assume_final`).
  let deliversFinally: Bool
  /// The folder below which sockets lie whose path does not begin with a slash.
  let queueDirectory: String
  /// The families of addresses to which a host's name may lead (`inet_protocols`).
  let families: Set<IPAddress.Family>
  /// The addresses of a host that are tried; 0 for all (`smtp_mx_address_limit`).
  let addressesMax: Int
  /// The tag of log lines: the service's name behind `syslog_name`.
  let tag: [UInt8]

  init(_ configuration: Configuration, transport: String) {
    if Self.speaksLMTP(configuration, transport: transport) {
      self.init(lmtp: configuration)
    } else {
      self.init(smtp: configuration, transport: transport)
    }
  }

  private init(smtp configuration: Configuration, transport: String) {
    var client = SMTPClientSettings(
      myhostname: configuration[.myhostname], heloName: configuration[.smtpHeloName])
    client.alwaysSendEHLO = configuration[.smtpAlwaysSendEHLO]
    client.neverSendEHLO = configuration[.smtpNeverSendEHLO]
    client.skip5xxGreeting = configuration[.smtpSkip5xxGreeting]
    client.skipQuitResponse = configuration[.smtpSkipQuitResponse]
    client.discardedKeywords = Set(
      configuration[.smtpDiscardEHLOKeywords].map { $0.lowercased() })
    client.timeouts.connect = configuration[.smtpConnectTimeout]
    client.timeouts.helo = configuration[.smtpHeloTimeout]
    client.timeouts.startTLS = configuration[.smtpStarttlsTimeout]
    client.timeouts.mail = configuration[.smtpMailTimeout]
    client.timeouts.rcpt = configuration[.smtpRcptTimeout]
    client.timeouts.dataInit = configuration[.smtpDataInitTimeout]
    client.timeouts.dataTransfer = configuration[.smtpDataXferTimeout]
    client.timeouts.dataDone = configuration[.smtpDataDoneTimeout]
    client.timeouts.reset = configuration[.smtpRsetTimeout]
    client.timeouts.quit = configuration[.smtpQuitTimeout]
    self.client = client
    idleTime = configuration[.smtpConnectionCacheTimeLimit]
    reuseTime = configuration[.smtpConnectionReuseTimeLimit]
    reuseCount = configuration[.smtpConnectionReuseCountLimit]
    bindAddress = IPAddress(configuration[.smtpBindAddress])
    bindAddress6 = IPAddress(configuration[.smtpBindAddress6])
    defaultPort = 25
    deliversFinally = false
    queueDirectory = configuration[.queueDirectory]
    families = Self.families(configuration)
    addressesMax = configuration[.smtpMxAddressLimit]
    tag = Array((transport == "relay" ? "relay/smtp" : "smtp").utf8)
  }

  static func families(_ configuration: Configuration) -> Set<IPAddress.Family> {
    let protocols = configuration[.inetProtocols]
    var families: Set<IPAddress.Family> = []
    if protocols.contains("all") || protocols.contains("ipv4") { families.insert(.v4) }
    if protocols.contains("all") || protocols.contains("ipv6") { families.insert(.v6) }
    return families
  }

  /// Writes a line about a connection of the transport.
  @ReactorActor func log(_ log: Log, _ write: (inout [UInt8]) -> Void) { log.line(tag: tag, write) }

  /// How long a connection may take; a limit of 0 leaves that to the system, which gives up after
  /// some two minutes.
  var connectTime: Duration {
    client.timeouts.connect == .zero ? .seconds(300) : client.timeouts.connect
  }

  /// The path of a socket that a next hop names.
  func socketPath(_ path: String) -> String {
    path.hasPrefix("/") ? path : "\(queueDirectory)/\(path)"
  }

  /// The local address for a connection to `remote`.
  func source(for remote: IPAddress) -> IPAddress? {
    remote.family == .v4 ? bindAddress : bindAddress6
  }
}
