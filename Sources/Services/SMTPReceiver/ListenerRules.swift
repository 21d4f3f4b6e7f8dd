import AccessPolicy
import AddressRewriting
import LookupTables
import MailSite
import Primitives
import SMTPGrammar
import SMTPServerCore
import TLSPolicy

/// Everything that the configuration of a listener says about its sessions, prepared once.
final class ListenerRules: Sendable {
  /// Finds the EHLO keywords that a client is not shown
  /// (`smtpd_discard_ehlo_keyword_address_maps`).
  typealias KeywordFinder = @Sendable (IPAddress) async -> EHLOKeywords

  /// Whether a client is in `debug_peer_list`; `nil` when that is empty.
  typealias DebugPeers = @Sendable (SMTPClientIdentity) async -> Bool

  /// Whether lines of a client may end in LF (`smtpd_forbid_bare_newline_exclusions`).
  typealias NewlineExclusions = @Sendable (IPAddress) async -> Bool

  /// Texts and limits of the dialogue.
  let smtp: SMTPServerRules
  /// What stands behind `syslog_name/` in log lines: `smtpd`, `submission/smtpd`.
  let tag: [UInt8]
  /// `mail_name`, for `Received:`.
  let mailName: String
  /// `smtpd_timeout`: the most time for a command, for a reply, and between parts of content.
  let timeout: Duration
  /// `smtpd_min_data_rate` in bytes per second.
  let dataRateMin: Int
  /// `line_length_limit`: bytes of a command line.
  let lineLengthMax: Int
  /// `hopcount_limit`.
  let hopCountMax: Int
  /// `smtpd_forbid_bare_newline`.
  let bareNewlines: ContentScanner.BareNewlines
  /// TLS.
  let tls: ServerTLS
  /// Who may log in, and how; `nil` when nobody may.
  let authentication: AuthenticationRules?
  /// The keywords that a client is not shown, where that depends on the client.
  let hiddenKeywords: KeywordFinder?
  /// The clients whose lines may end in LF; `nil` for none.
  let allowsBareNewlines: NewlineExclusions?
  /// What refusals end with; `nil` for nothing.
  let footer: RejectFooter?
  /// What the postmaster hears of sessions; `nil` for nothing.
  let notices: SessionNotices?
  /// `smtpd_command_filter`.
  let commandFilter: TableSet?
  /// `soft_bounce`.
  let softBounce: Bool
  /// `smtpd_client_port_logging`.
  let logsClientPort: Bool
  /// The clients whose dialogue is logged.
  let debugPeers: DebugPeers?
  /// Who may send mail to whom.
  let access: AccessPolicy
  /// `content_filter`; empty for none.
  let contentFilter: [UInt8]
  /// The milters of its sessions; `nil` for none.
  let milters: SiteMilters?
  /// What becomes of the addresses of envelopes.
  let rewriting: EnvelopeRewriting
  /// `enable_original_recipient`.
  let keepsOriginals: Bool
  /// How much each client may do; `nil` for no limits.
  let clientLimits: ClientLimits?
  /// `smtpd_per_request_deadline`: whether a client that drips has no more time than a silent one.
  let hasRequestDeadline: Bool

  init(
    smtp: SMTPServerRules, tag: String = "smtpd", mailName: String = "Martinet",
    timeout: Duration = .seconds(300), dataRateMin: Int = 500, lineLengthMax: Int = 2048,
    hopCountMax: Int = 50, bareNewlines: ContentScanner.BareNewlines = .normalize,
    hiddenKeywords: KeywordFinder? = nil, debugPeers: DebugPeers? = nil,
    softBounce: Bool = false, logsClientPort: Bool = false, tls: ServerTLS = .off,
    access: AccessPolicy, authentication: AuthenticationRules? = nil,
    contentFilter: String = "", milters: SiteMilters? = nil, rewriting: EnvelopeRewriting,
    keepsOriginals: Bool = true, clientLimits: ClientLimits? = nil,
    hasRequestDeadline: Bool = true, allowsBareNewlines: NewlineExclusions? = nil,
    footer: RejectFooter? = nil, commandFilter: TableSet? = nil, notices: SessionNotices? = nil
  ) {
    self.authentication = authentication
    self.allowsBareNewlines = allowsBareNewlines
    self.footer = footer
    self.notices = notices
    self.commandFilter = commandFilter
    self.contentFilter = Array(contentFilter.utf8)
    self.milters = milters
    self.clientLimits = clientLimits
    self.hasRequestDeadline = hasRequestDeadline
    self.smtp = smtp
    self.tag = Array(tag.utf8)
    self.mailName = mailName
    self.timeout = timeout
    self.dataRateMin = dataRateMin
    self.lineLengthMax = lineLengthMax
    self.hopCountMax = hopCountMax
    self.bareNewlines = bareNewlines
    self.tls = tls
    self.hiddenKeywords = hiddenKeywords
    self.debugPeers = debugPeers
    self.softBounce = softBounce
    self.logsClientPort = logsClientPort
    self.access = access
    self.rewriting = rewriting
    self.keepsOriginals = keepsOriginals
  }

  var settings: SMTPServerSettings { smtp.settings }
}
