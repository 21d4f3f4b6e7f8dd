package import MailTypes

/// The replies of the server that the core or its driver give for reasons of their own.
extension SMTPReply {
  private init(_ code: UInt16, _ a: UInt8, _ b: UInt16, _ c: UInt16, _ text: String) {
    self.init(code, EnhancedStatus(a, b, c), text)
  }

  /// Content over `message_size_limit`.
  package static let messageTooBig = SMTPReply(552, 5, 3, 4, "Error: message file too big")
  /// More `Received:` fields than `hopcount_limit`.
  package static let tooManyHops = SMTPReply(554, 5, 4, 0, "Error: too many hops")
  /// The spool could not keep the message.
  package static let writeError = SMTPReply(451, 4, 3, 0, "Error: queue file write error")
  /// A recipient stands for too many others, or for ever.
  package static let aliasExpansionError = SMTPReply(451, 4, 6, 0, "Alias expansion error")
  /// The spool has no room.
  package static let insufficientStorage = SMTPReply(
    452, 4, 3, 1, "Insufficient system storage")
  /// Something in the configuration or a table does not work.
  package static let configurationProblem = SMTPReply(
    451, 4, 3, 5, "Server configuration problem")

  /// A LF without CR under `smtpd_forbid_bare_newline = reject`, with
  /// `smtpd_forbid_bare_newline_reject_code`.
  package static func bareNewline(code: UInt16, myhostname: String) -> SMTPReply {
    let status = EnhancedStatus(code < 500 ? 4 : 5, 5, 2)
    return SMTPReply(code, status, "\(myhostname) Error: bare <LF> received")
  }

  /// More sessions of one client than `smtpd_client_connection_count_limit`.
  package static func tooManyConnections(
    myhostname: String, from client: String
  ) -> SMTPReply {
    SMTPReply(421, 4, 7, 0, "\(myhostname) Error: too many connections from \(client)")
  }

  /// More MAIL or RCPT of one client in a time unit than `smtpd_client_message_rate_limit` or
  /// `smtpd_client_recipient_rate_limit` allows.
  package static func tooMuch(
    _ what: String, from client: String, isMany: Bool = false
  ) -> SMTPReply {
    SMTPReply(450, 4, 7, 1, "Error: too \(isMany ? "many" : "much") \(what) from \(client)")
  }

  /// Has begun more TLS sessions in a time unit than `smtpd_client_new_tls_session_rate_limit`
  /// allows, and asks for another.
  package static func tooManyTLSSessions(from client: String) -> SMTPReply {
    SMTPReply(454, 4, 7, 0, "Error: too many new TLS sessions from \(client)")
  }

  /// The same, of who has got another.
  package static func tooManyTLSSessions(
    myhostname: String, from client: String
  ) -> SMTPReply {
    SMTPReply(421, 4, 7, 0, "\(myhostname) Error: too many new TLS sessions from \(client)")
  }

  /// A client's certificate is missing or cannot be trusted, and `smtpd_tls_req_ccert` is set.
  package static func certificateRefused(myhostname: String, _ reason: String) -> SMTPReply {
    SMTPReply(421, 4, 7, 1, "\(myhostname) Error: \(reason)")
  }

  /// A server process died at this client's input; `smtpd_crash_refusal_time` is not over.
  package static func refusedAfterCrash(myhostname: String) -> SMTPReply {
    SMTPReply(421, 4, 3, 0, "\(myhostname) Error: server error, try again later")
  }

  /// `smtpd_timeout` passed without a command or content.
  package static func timeout(myhostname: String) -> SMTPReply {
    SMTPReply(421, 4, 4, 2, "\(myhostname) Error: timeout exceeded")
  }

  /// A table that every command needs does not answer.
  package static func localDataError(myhostname: String) -> SMTPReply {
    SMTPReply(421, 4, 3, 0, "\(myhostname) Server local data error")
  }

  /// The hard error limit was reached.
  package static func tooManyErrors(myhostname: String) -> SMTPReply {
    SMTPReply(421, 4, 7, 0, "\(myhostname) Error: too many errors")
  }

  /// The server goes down.
  package static func shuttingDown(myhostname: String) -> SMTPReply {
    SMTPReply(421, 4, 3, 2, "\(myhostname) Service shutting down")
  }
}
