import AccessPolicy
import AddressRewriting
import Configuration
import LookupTables
import MailSite
import Primitives
import Reactor
import SMTPGrammar
import SMTPServerCore
import ServiceKit
import TLSPolicy

/// From `main.cf` and a listener's `-o` settings to the rules of its sessions.
extension ListenerRules {
  /// - Parameters:
  ///   - logName: the `syslog_name` that the log puts before every tag.
  ///   - site: the lists and tables that `configuration` names.
  ///   - tls: what it says about TLS.
  ///   - authentication: what it says about clients that log in.
  ///   - clientLimits: how much each client may do.
  convenience init(
    _ configuration: Configuration, logName: String, site: MailSite, tls: ServerTLS = .off,
    authentication: AuthenticationRules? = nil, clientLimits: ClientLimits?
  ) throws(RoleFailure) {
    let policy: AccessPolicy
    let rewriting: EnvelopeRewriting
    let milters: SiteMilters?
    do throws(MailSiteError) {
      milters = try site.milters
      // A session that is cut off need not wait any longer.
      policy = try site.accessPolicy { try? await sleep(until: Reactor.shared.now + $0) }
      rewriting = site.rewriting(try ReceiveOverrides(configuration))
    } catch {
      throw RoleFailure(error.description)
    }
    self.init(
      smtp: SMTPServerRules(Self.server(configuration, policy, tls, hasMilters: milters != nil)),
      tag: Self.tag(configuration[.syslogName], below: logName),
      mailName: configuration[.mailName], timeout: configuration[.smtpdTimeout],
      dataRateMin: configuration[.smtpdMinDataRate],
      lineLengthMax: configuration[.lineLengthLimit], hopCountMax: configuration[.hopcountLimit],
      bareNewlines: Self.bareNewlines(configuration[.smtpdForbidBareNewline]),
      hiddenKeywords: Self.hiddenKeywords(configuration, site),
      debugPeers: Self.debugPeers(site), softBounce: configuration[.softBounce],
      logsClientPort: configuration[.smtpdClientPortLogging], tls: tls,
      access: policy, authentication: authentication,
      contentFilter: configuration[.contentFilter], milters: milters, rewriting: rewriting,
      keepsOriginals: configuration[.enableOriginalRecipient], clientLimits: clientLimits,
      hasRequestDeadline: configuration[.smtpdPerRequestDeadline],
      allowsBareNewlines: Self.newlineExclusions(site.sessions),
      footer: RejectFooter(configuration, tables: site.sessions.footers),
      commandFilter: site.sessions.commandFilter.isEmpty ? nil : site.sessions.commandFilter,
      notices: SessionNotices(configuration))
  }

  private static func server(
    _ configuration: Configuration, _ policy: AccessPolicy, _ tls: ServerTLS, hasMilters: Bool
  ) -> SMTPServerSettings {
    var settings = SMTPServerSettings(
      myhostname: configuration[.myhostname], banner: configuration[.smtpdBanner])
    settings.messageSizeLimit = Int(configuration[.messageSizeLimit])
    settings.recipientLimit = configuration[.smtpdRecipientLimit]
    settings.recipientOvershootLimit = configuration[.smtpdRecipientOvershootLimit]
    settings.softErrorLimit = configuration[.smtpdSoftErrorLimit]
    settings.hardErrorLimit = configuration[.smtpdHardErrorLimit]
    settings.junkCommandLimit = configuration[.smtpdJunkCommandLimit]
    settings.errorSleepTime = configuration[.smtpdErrorSleepTime]
    settings.heloRequired = configuration[.smtpdHeloRequired]
    settings.strictEnvelopes = configuration[.strictRFC821Envelopes]
    settings.discardedKeywords = EHLOKeywords(words: configuration[.smtpdDiscardEHLOKeywords])
    settings.noopCommands = Set(configuration[.smtpdNoopCommands])
    settings.smtputf8IsEnabled = configuration[.smtputf8Enable]
    let forbidden = configuration[.smtpdForbiddenCommands]
    settings.forbiddenCommands = Set(forbidden.filter { !$0.contains(":") })
    settings.forbidsNonLetters = forbidden.contains(MailSite.oddCommandPattern)
    settings.forbidsUnauthorizedPipelining = configuration[.smtpdForbidUnauthPipelining]
    if configuration[.smtpdForbidBareNewline] == .reject {
      settings.bareNewlineRejectCode = UInt16(configuration[.smtpdForbidBareNewlineRejectCode])
    }
    settings.asksAboutHelo = hasMilters || policy.judges(.helo)
    switch tls.level {
    case .none: settings.security = .none
    case .may: settings.security = tls.context == nil ? .unavailable : .offered
    case .encrypt: settings.security = .demanded
    }
    settings.authenticates = configuration[.smtpdSASLAuthEnable]
    settings.authenticatesUnderTLSOnly = configuration[.smtpdTLSAuthOnly]
    settings.offersAuthenticationTwice = configuration[.brokenSASLAuthClients]
    settings.vrfyDisabled = configuration[.disableVrfyCommand]
    return settings
  }

  private static func newlineExclusions(_ tables: SessionTables) -> NewlineExclusions? {
    guard !tables.newlineExclusions.isEmpty else { return nil }
    return { client in await tables.allowsBareNewlines(client) }
  }

  private static func debugPeers(_ site: MailSite) -> DebugPeers? {
    guard site.hasDebugPeers else { return nil }
    return { client in await site.isDebugPeer(client.address, name: client.name) }
  }

  private static func hiddenKeywords(
    _ configuration: Configuration, _ site: MailSite
  ) -> KeywordFinder? {
    guard site.hidesKeywordsByClient else { return nil }
    let usual = EHLOKeywords(words: configuration[.smtpdDiscardEHLOKeywords])
    return { client in
      guard let words = await site.discardedKeywords(of: client) else { return usual }
      return EHLOKeywords(words: words)
    }
  }

  /// `postfix/submission` below `postfix` makes `submission/smtpd`. A name that is not below it
  /// cannot be told in a tag, which stands behind the process's own name.
  private static func tag(_ name: String, below logName: String) -> String {
    guard name.hasPrefix(logName + "/") else { return "smtpd" }
    return name.dropFirst(logName.count + 1) + "/smtpd"
  }

  private static func bareNewlines(_ policy: BareNewlinePolicy) -> ContentScanner.BareNewlines {
    switch policy {
    case .yes, .normalize, .note: .normalize
    case .reject: .reject
    case .no: .no
    }
  }

}
