package import MailTypes
import Primitives
package import SMTPGrammar

/// The server's side of one SMTP session (RFC 5321): command lines in, replies and steps out.
///
/// It touches no socket, clock or file. What a command began is a value (`transaction`) that is
/// dropped whole, so no path through an error leaves a part of it behind.
package struct SMTPServerCore: Sendable {
  enum Pending: Sendable {
    case nothing, helo, sender, recipient, verification, admission, content, chunk, droppedChunk
    case security, handshake, authentication, response, etrn, closed
  }

  let rules: SMTPServerRules
  /// Who the client is.
  package let client: SMTPClientIdentity
  /// The name that HELO or EHLO gave, made fit for logs and trace fields.
  package internal(set) var helo: String?
  /// Whether the session began with EHLO.
  package internal(set) var isExtended = false
  /// Whether the session is under TLS.
  package internal(set) var isSecure = false
  /// Who the client has proved to be; kept until the session ends or TLS begins.
  package internal(set) var login: SMTPLogin?
  /// The AUTH under way.
  package internal(set) var attempt: SMTPAuthenticationAttempt?
  /// The mechanisms that EHLO offers, between spaces; empty for none. The driver knows them.
  package var offeredMechanisms: [UInt8] = []
  /// Whether what is no command may be the response to an AUTH that had failed already.
  package internal(set) var mayHearSecrets = false
  /// The envelope under way.
  package internal(set) var transaction: SMTPTransaction?
  /// The forward-path that `authorizeRecipient` asks about, as the client gave it.
  package internal(set) var pendingRecipient: MailAddress?
  /// Everything that RCPT said about it.
  var recipientAtHand: SMTPRecipient?
  /// The domain that `authorizeETRN` asks about.
  package internal(set) var pendingETRN: String?
  /// The chunk that `receiveChunk` and `dropChunk` are about.
  package internal(set) var chunk: ChunkArgument?
  var chunks = Chunks()
  /// The address that VRFY asks about, as it was spelled.
  var verified: [UInt8] = []
  /// A line for the log, for the driver to write and take away.
  package var notice: String?
  /// The keywords that this client is not shown.
  package var hiddenKeywords: EHLOKeywords
  /// Whether lines of this client may end in LF (`smtpd_forbid_bare_newline_exclusions`).
  package var allowsBareNewlines = false
  /// Commands given and accepted.
  package internal(set) var counters = SessionCounters()
  /// The last command, as `lost connection after …` names it.
  package internal(set) var lastCommand: StaticString = "CONNECT"
  var pending = Pending.nothing
  var current = SessionCounters.Command.unknown
  /// Whether the client sent on where it had to wait; the driver reports it and takes it away.
  package var isOutOfStep = false
  /// What the last command did that is counted for its client; the driver takes it away.
  package var countedEvent: SMTPCountedEvent?
  /// Whether the session ended at the hard error limit.
  package internal(set) var endedByErrors = false
  /// The name and kind of the HELO or EHLO that `authorizeHelo` asks about.
  package internal(set) var pendingHelo: (name: String, isExtended: Bool)?
  /// Whether the client went on where it has to wait for a reply (RFC 2920 3.1).
  package internal(set) var pipelinesIllegally = false
  /// Whether the client was refused at the connection: nothing but QUIT is left to it.
  var isDenied = false
  var errorCount = 0
  /// `errorCount` before the last line.
  private var earlierErrors = 0
  var junkCount = 0

  /// A session before its greeting.
  package init(rules: SMTPServerRules, client: SMTPClientIdentity) {
    self.rules = rules
    self.client = client
    hiddenKeywords = rules.settings.discardedKeywords
  }

  /// The code of the refusal of a LF without CR; `nil` where this client is not refused for it.
  package var bareNewlineRejectCode: UInt16? {
    allowsBareNewlines ? nil : rules.settings.bareNewlineRejectCode
  }

  /// `SMTP` or `ESMTP`, as logs say it.
  package var protocolName: StaticString { isExtended ? "ESMTP" : "SMTP" }

  /// The protocol of the message under way, as its trace field says it (RFC 6531 4.3).
  package var traceProtocolName: StaticString {
    // STARTTLS is an extension, so that RFC 3848 has no word for HELO under TLS.
    let isExtended = isExtended || isSecure
    switch (transaction?.isInternational == true, isSecure, login != nil && isExtended) {
    case (true, false, false): return "UTF8SMTP"
    case (true, true, false): return "UTF8SMTPS"
    case (true, false, true): return "UTF8SMTPA"
    case (true, true, true): return "UTF8SMTPSA"
    case (false, false, false): return protocolName
    case (false, true, false): return "ESMTPS"
    case (false, false, true): return "ESMTPA"
    case (false, true, true): return "ESMTPSA"
    }
  }

  /// How long to hold back the reply to the last line: nothing while there were fewer errors before
  /// it than the soft error limit.
  package var replyDelay: Duration {
    earlierErrors >= rules.settings.softErrorLimit ? rules.settings.errorSleepTime : .zero
  }

  /// Greets the client.
  ///
  /// `inputIsPending` says whether the client sent something before the greeting, which a proper
  /// client does not (RFC 5321 4.3.1).
  package mutating func greet(
    inputIsPending: Bool = false, into out: inout [UInt8]
  ) -> SMTPServerStep {
    if inputIsPending, rules.settings.forbidsUnauthorizedPipelining {
      return refuseSynchronization(into: &out)
    }
    out.append(contentsOf: rules.greeting)
    return .next
  }

  /// Takes the next line and answers it.
  ///
  /// `inputIsPending` says whether more than this line was received: some commands must be the
  /// last of what a client sends at once (RFC 2920 3.1).
  package mutating func handle(
    _ line: UnsafeRawBufferPointer, _ kind: LineBuffer.Line = .complete,
    inputIsPending: Bool = false, into out: inout [UInt8]
  ) -> SMTPServerStep {
    precondition(pending == .nothing || pending == .response)
    earlierErrors = errorCount
    if pending == .response, kind != .endedBare || bareNewlineRejectCode == nil {
      return takeResponse(line, kind, into: &out)
    }
    if kind == .tooLong {
      return fail("500 5.5.2 Error: line too long\r\n", into: &out)
    }
    if kind == .endedBare, let code = bareNewlineRejectCode {
      let host = rules.settings.myhostname
      return end(with: .bareNewline(code: code, myhostname: host), into: &out)
    }
    if rules.settings.smtputf8IsEnabled, !Self.isUTF8(line) {
      return fail("500 5.5.2 Error: bad UTF-8 syntax\r\n", into: &out)
    }
    let command = SMTPCommand(line)
    guard !command.verbRange.isEmpty else {
      return fail("500 5.5.2 Error: bad syntax\r\n", into: &out)
    }
    if !rules.noops.isEmpty, rules.noops.contains(word(line, command)) {
      begin(.unknown, "UNKNOWN")
      return succeed("250 2.0.0 Ok\r\n", junk: true, into: &out)
    }
    if command.verb != .unknown { mayHearSecrets = command.verb == .auth }
    switch command.verb {
    case .ehlo: begin(.ehlo, "EHLO")
    case .helo: begin(.helo, "HELO")
    case .mail: begin(.mail, "MAIL")
    case .rcpt: begin(.rcpt, "RCPT")
    case .data: begin(.data, "DATA")
    case .rset: begin(.rset, "RSET")
    case .noop: begin(.noop, "NOOP")
    case .quit: begin(.quit, "QUIT")
    case .vrfy: begin(.vrfy, "VRFY")
    case .starttls: begin(.starttls, "STARTTLS")
    case .auth: begin(.auth, "AUTH")
    case .bdat: begin(.bdat, "BDAT")
    case .etrn: begin(.etrn, "ETRN")
    case .xclient: begin(.xclient, "XCLIENT")
    case .xforward: begin(.xforward, "XFORWARD")
    case .unknown: begin(.unknown, "UNKNOWN")
    }
    if isDenied, command.verb != .quit { return refuseDenied(into: &out) }
    if inputIsPending, mustComeLast(command.verb) {
      isOutOfStep = true
      pipelinesIllegally = true
      if rules.settings.forbidsUnauthorizedPipelining { return refuseSynchronization(into: &out) }
    }
    if let refused = refuseWithoutTLS(command.verb, into: &out) { return refused }
    return dispatch(command, line, into: &out)
  }

  /// Whether a client must wait for the reply to a command before it sends more: to each in SMTP,
  /// to some in ESMTP (RFC 2920 3.1).
  private func mustComeLast(_ verb: SMTPVerb) -> Bool {
    switch verb {
    case .ehlo, .helo, .data, .noop, .vrfy: true
    case .unknown: false
    default: !isExtended
    }
  }

  private mutating func begin(_ command: SessionCounters.Command, _ name: StaticString) {
    current = command
    counters.count(command)
    lastCommand = name
  }

  private mutating func dispatch(
    _ command: SMTPCommand, _ line: UnsafeRawBufferPointer, into out: inout [UInt8]
  ) -> SMTPServerStep {
    switch command.verb {
    case .ehlo, .helo:
      return hello(line, command.argument, extended: command.verb == .ehlo, into: &out)
    case .mail: return mail(line, command.argument, into: &out)
    case .rcpt: return rcpt(line, command.argument, into: &out)
    case .data: return data(command.argument, into: &out)
    case .rset:
      guard command.argument.isEmpty else {
        return fail("501 5.5.4 Syntax: RSET\r\n", junk: true, into: &out)
      }
      dropTransaction()
      return succeed("250 2.0.0 Ok\r\n", junk: true, into: &out)
    case .noop: return succeed("250 2.0.0 Ok\r\n", junk: true, into: &out)
    case .quit:
      counters.countAccepted(.quit)
      out.append(text: "221 2.0.0 Bye\r\n")
      return close()
    case .vrfy: return vrfy(line, command.argument, into: &out)
    case .starttls: return startTLS(command.argument, into: &out)
    case .auth: return auth(line, command.argument, into: &out)
    case .bdat: return bdat(line, command.argument, into: &out)
    case .etrn: return etrn(line, command.argument, into: &out)
    case .xclient, .xforward:
      return fail("550 5.7.0 Error: insufficient authorization\r\n", into: &out)
    case .unknown: return unknown(line, command, into: &out)
    }
  }

  private mutating func hello(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>, extended: Bool,
    into out: inout [UInt8]
  ) -> SMTPServerStep {
    guard !argument.isEmpty else {
      return extended
        ? fail("501 Syntax: EHLO hostname\r\n", junk: true, into: &out)
        : fail("501 Syntax: HELO hostname\r\n", junk: true, into: &out)
    }
    let name = Self.harmless(line[argument])
    if rules.settings.asksAboutHelo {
      pendingHelo = (name, extended)
      pending = .helo
      return .authorizeHelo
    }
    return accept(helo: name, extended: extended, into: &out)
  }

  mutating func accept(
    helo name: String, extended: Bool, into out: inout [UInt8]
  ) -> SMTPServerStep {
    dropTransaction()
    helo = name
    isExtended = extended
    counters.countAccepted(current)
    if extended {
      let mechanisms = mayAuthenticate ? offeredMechanisms : []
      out.append(
        contentsOf: rules.ehloReply(
          without: hiddenKeywords, secure: isSecure, mechanisms: mechanisms))
      if !hiddenKeywords.isEmpty, !hiddenKeywords.contains(.silently) {
        notice = "discarding EHLO keywords: \(hiddenKeywords.names)"
      }
    } else {
      out.append(contentsOf: rules.heloReply)
    }
    return afterReply(junk: true, into: &out)
  }

  /// A name for logs and trace fields: what has a meaning there becomes `?`.
  private static func harmless(_ name: Slice<UnsafeRawBufferPointer>) -> String {
    var bytes = name.prefix(255).map { byte in
      let marks = byte <= ASCII.space || byte == 0x7f || " <>()\\\";@".utf8.contains(byte)
      return marks ? UInt8(ascii: "?") : byte
    }
    bytes.makePrintable(from: 0)
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isUTF8(_ line: UnsafeRawBufferPointer) -> Bool {
    !ByteSearch.oddities(in: line).eightBit
      || String(validating: line, as: UTF8.self) != nil
  }
}
