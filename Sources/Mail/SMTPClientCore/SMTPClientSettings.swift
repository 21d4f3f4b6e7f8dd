/// What the configuration says about speaking SMTP to others; the `smtp_` parameters.
package struct SMTPClientSettings: Sendable {
  /// The name in EHLO and HELO (`smtp_helo_name`).
  package var heloName: String
  /// Whether the server speaks LMTP (RFC 2033): LHLO, and a reply for each recipient after the
  /// content.
  package var speaksLMTP = false
  /// The name of this host, by which it knows itself in a server's greeting (`myhostname`).
  package var myhostname: String
  /// Send EHLO whatever the greeting says (`smtp_always_send_ehlo`).
  package var alwaysSendEHLO = true
  /// Send HELO only (`smtp_never_send_ehlo`).
  package var neverSendEHLO = false
  /// Take a 5xx greeting for a failure of this server and for now (`smtp_skip_5xx_greeting`).
  package var skip5xxGreeting = true
  /// Close after QUIT without waiting for the answer (`smtp_skip_quit_response`).
  package var skipQuitResponse = true
  /// EHLO keywords not to be used, in lower case (`smtp_discard_ehlo_keywords`).
  package var discardedKeywords: Set<String> = []
  /// How many bytes of commands are sent ahead of their replies; less than a socket buffer, so
  /// that neither side can wait for the other with full buffers (RFC 2920 3.1).
  package var pipelineWindowSize = 8192
  /// How long to wait for what.
  package var timeouts = SMTPClientTimeouts()

  /// Makes settings with Postfix's defaults.
  package init(myhostname: String, heloName: String? = nil) {
    self.myhostname = myhostname
    self.heloName = heloName ?? myhostname
  }
}

/// What is waited for, and so which time limit holds.
package enum TimeoutKind: CaseIterable, Sendable {
  /// The TCP connection.
  case connect
  /// The server's first reply.
  case greeting
  /// The reply to EHLO or HELO.
  case helo
  /// The reply to STARTTLS, and then the handshake.
  case startTLS
  /// The reply to MAIL.
  case mail
  /// The reply to RCPT.
  case rcpt
  /// The reply to DATA.
  case dataInit
  /// Room to send more of the content.
  case dataTransfer
  /// The reply to the content.
  case dataDone
  /// The reply to RSET.
  case reset
  /// The reply to QUIT.
  case quit
}

/// The time limits of the protocol, with Postfix's defaults.
package struct SMTPClientTimeouts: Sendable {
  /// `smtp_connect_timeout`.
  package var connect: Duration = .seconds(30)
  /// `smtp_helo_timeout`: for the greeting, and again for EHLO or HELO.
  package var helo: Duration = .seconds(300)
  /// `smtp_starttls_timeout`: for the reply to STARTTLS, and again for the handshake.
  package var startTLS: Duration = .seconds(300)
  /// `smtp_mail_timeout`.
  package var mail: Duration = .seconds(300)
  /// `smtp_rcpt_timeout`.
  package var rcpt: Duration = .seconds(300)
  /// `smtp_data_init_timeout`.
  package var dataInit: Duration = .seconds(120)
  /// `smtp_data_xfer_timeout`.
  package var dataTransfer: Duration = .seconds(180)
  /// `smtp_data_done_timeout`.
  package var dataDone: Duration = .seconds(600)
  /// `smtp_rset_timeout`.
  package var reset: Duration = .seconds(20)
  /// `smtp_quit_timeout`.
  package var quit: Duration = .seconds(300)

  /// Makes the defaults.
  package init() {}

  /// The limit for one kind of wait.
  package subscript(_ kind: TimeoutKind) -> Duration {
    switch kind {
    case .connect: connect
    case .greeting, .helo: helo
    case .startTLS: startTLS
    case .mail: mail
    case .rcpt: rcpt
    case .dataInit: dataInit
    case .dataTransfer: dataTransfer
    case .dataDone: dataDone
    case .reset: reset
    case .quit: quit
    }
  }
}
