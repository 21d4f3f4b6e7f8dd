/// What the configuration says about SMTP sessions: plain values under Postfix's names.
package struct SMTPServerSettings: Sendable {
  /// `myhostname`.
  package var myhostname: String
  /// `smtpd_banner` with its names expanded; what stands behind `220 `.
  package var banner: String
  /// `message_size_limit` in bytes; 0 is none.
  package var messageSizeLimit = 10_240_000
  /// `smtpd_recipient_limit`: recipients of a message.
  package var recipientLimit = 1000
  /// `smtpd_recipient_overshoot_limit`: refused recipients over the limit that are no errors.
  package var recipientOvershootLimit = 1000
  /// `smtpd_soft_error_limit`: errors without a delivery from which replies are delayed.
  package var softErrorLimit = 10
  /// `smtpd_hard_error_limit`: errors without a delivery at which the session ends.
  package var hardErrorLimit = 20
  /// `smtpd_junk_command_limit`: commands without a delivery from which each is an error.
  package var junkCommandLimit = 100
  /// `smtpd_error_sleep_time`: the delay of a reply from the soft error limit on.
  package var errorSleepTime = Duration.seconds(1)
  /// `smtpd_helo_required`.
  package var heloRequired = false
  /// `strict_rfc821_envelopes`.
  package var strictEnvelopes = false
  /// `smtpd_discard_ehlo_keywords`.
  package var discardedKeywords: EHLOKeywords = []
  /// `smtpd_noop_commands`, in any case.
  package var noopCommands: Set<String> = []
  /// The words of `smtpd_forbidden_commands`, in any case.
  package var forbiddenCommands: Set<String> = ["CONNECT", "GET", "POST"]
  /// Whether a command that does not begin with a letter is forbidden too, as the pattern in the
  /// default of `smtpd_forbidden_commands` says.
  package var forbidsNonLetters = true
  /// `smtpd_forbid_unauth_pipelining`.
  package var forbidsUnauthorizedPipelining = true
  /// The code that refuses a LF without CR (`smtpd_forbid_bare_newline_reject_code`) under
  /// `smtpd_forbid_bare_newline = reject`; `nil` where a bare LF ends a command.
  package var bareNewlineRejectCode: UInt16?
  /// Whether HELO and EHLO are judged before they are answered (`smtpd_delay_reject = no`).
  package var asksAboutHelo = false
  /// Whether TLS is offered or demanded.
  package var security = SMTPServerSecurity.none
  /// `smtpd_sasl_auth_enable`: whether clients may log in.
  package var authenticates = false
  /// `smtpd_tls_auth_only`: whether they may only under TLS.
  package var authenticatesUnderTLSOnly = false
  /// `broken_sasl_auth_clients`: whether mechanisms are also offered in the form of an old draft.
  package var offersAuthenticationTwice = false
  /// `disable_vrfy_command`.
  package var vrfyDisabled = false
  /// `smtputf8_enable`: whether SMTPUTF8 is offered and command lines must be UTF-8.
  package var smtputf8IsEnabled = true

  /// Settings at their defaults for a host.
  package init(myhostname: String, banner: String) {
    self.myhostname = myhostname
    self.banner = banner
  }
}

/// Settings with what follows from them, made once for all sessions.
package final class SMTPServerRules: Sendable {
  /// The settings.
  package let settings: SMTPServerSettings
  let greeting: [UInt8]
  private let ehloReply: [UInt8]
  private let ehloReplyUnderTLS: [UInt8]
  let heloReply: [UInt8]
  let forbidden: Set<String>
  let noops: Set<String>

  /// Derives the fixed replies from settings.
  package init(_ settings: SMTPServerSettings) {
    self.settings = settings
    greeting = Array("220 \(settings.banner)\r\n".utf8)
    heloReply = Array("250 \(settings.myhostname)\r\n".utf8)
    forbidden = Set(settings.forbiddenCommands.map { $0.lowercased() })
    noops = Set(settings.noopCommands.map { $0.lowercased() })
    let hidden = settings.discardedKeywords
    ehloReply = Self.ehloReply(settings, without: hidden)
    ehloReplyUnderTLS = Self.ehloReply(settings, without: hidden.union(.starttls))
  }

  /// The reply to EHLO for a client to which some keywords are not shown, and which may log in
  /// with some mechanisms.
  func ehloReply(
    without hidden: EHLOKeywords, secure: Bool, mechanisms: [UInt8] = []
  ) -> [UInt8] {
    if !mechanisms.isEmpty {
      let hidden = secure ? hidden.union(.starttls) : hidden
      return Self.ehloReply(
        settings, without: hidden, mechanisms: String(decoding: mechanisms, as: UTF8.self))
    }
    if hidden == settings.discardedKeywords { return secure ? ehloReplyUnderTLS : ehloReply }
    return Self.ehloReply(settings, without: secure ? hidden.union(.starttls) : hidden)
  }

  private static func ehloReply(
    _ settings: SMTPServerSettings, without hidden: EHLOKeywords, mechanisms: String = ""
  ) -> [UInt8] {
    var hidden = hidden
    if mechanisms.isEmpty { hidden.insert(.auth) }
    if settings.vrfyDisabled { hidden.insert(.vrfy) }
    if settings.security == .none { hidden.insert(.starttls) }
    if !settings.smtputf8IsEnabled { hidden.insert(.smtputf8) }
    var lines = [settings.myhostname]
    for (keyword, name) in EHLOKeywords.named where !hidden.contains(keyword) {
      let limit = settings.messageSizeLimit
      lines.append(
        keyword == .size && limit > 0
          ? "SIZE \(limit)" : keyword == .auth ? "AUTH \(mechanisms)" : name)
      if keyword == .auth, settings.offersAuthenticationTwice {
        lines.append("AUTH=\(mechanisms)")
      }
    }
    var text = ""
    for (index, line) in lines.enumerated() {
      text += "250\(index + 1 < lines.count ? "-" : " ")\(line)\r\n"
    }
    return Array(text.utf8)
  }
}
