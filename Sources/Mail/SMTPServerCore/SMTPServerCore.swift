package import MailTypes
import Primitives
package import SMTPGrammar

/// The server's side of one SMTP session (RFC 5321): command lines in, replies and steps out.
///
/// It touches no socket, clock or file. What a command began is a value (`transaction`) that is
/// dropped whole, so no path through an error leaves a part of it behind.
package struct SMTPServerCore: Sendable {
  enum Pending: Sendable { case nothing, sender, recipient, admission, content, handshake, closed }

  let rules: SMTPServerRules
  /// Who the client is.
  package let client: SMTPClientIdentity
  /// The name that HELO or EHLO gave, made fit for logs and trace fields.
  package internal(set) var helo: String?
  /// Whether the session began with EHLO.
  package internal(set) var isExtended = false
  /// Whether the session is under TLS.
  package internal(set) var isSecure = false
  /// The envelope under way.
  package internal(set) var transaction: SMTPTransaction?
  /// The forward-path that `authorizeRecipient` asks about, as the client gave it.
  package internal(set) var pendingRecipient: MailAddress?
  /// Commands given and accepted.
  package internal(set) var counters = SessionCounters()
  /// The last command, as `lost connection after …` names it.
  package internal(set) var lastCommand: StaticString = "CONNECT"
  var pending = Pending.nothing
  var current = SessionCounters.Command.unknown
  /// Whether the session ended at the hard error limit.
  package internal(set) var endedByErrors = false
  var errorCount = 0
  var junkCount = 0

  /// A session before its greeting.
  package init(rules: SMTPServerRules, client: SMTPClientIdentity) {
    self.rules = rules
    self.client = client
  }

  /// `SMTP` or `ESMTP`, as trace fields and logs say it.
  package var protocolName: StaticString { isExtended ? "ESMTP" : "SMTP" }

  /// How long to hold back the replies at hand: nothing below the soft error limit.
  package var replyDelay: Duration {
    errorCount >= rules.settings.softErrorLimit ? rules.settings.errorSleepTime : .zero
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
    precondition(pending == .nothing)
    if kind == .tooLong {
      return fail("500 5.5.2 Error: line too long\r\n", into: &out)
    }
    if kind == .endedBare, let code = rules.settings.bareNewlineRejectCode {
      let host = rules.settings.myhostname
      return end(with: .bareNewline(code: code, myhostname: host), into: &out)
    }
    if rules.settings.requiresUTF8, !Self.isUTF8(line) {
      return fail("500 5.5.2 Error: bad UTF-8 syntax\r\n", into: &out)
    }
    let command = SMTPCommand(line)
    guard !command.verbRange.isEmpty else {
      return fail("500 5.5.2 Error: bad syntax\r\n", into: &out)
    }
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
    case .etrn, .help, .unknown: begin(.unknown, "UNKNOWN")
    }
    if let refused = refuseWithoutTLS(command.verb, into: &out) { return refused }
    return dispatch(command, line, inputIsPending, into: &out)
  }

  private mutating func begin(_ command: SessionCounters.Command, _ name: StaticString) {
    current = command
    counters.count(command)
    lastCommand = name
  }

  private mutating func dispatch(
    _ command: SMTPCommand, _ line: UnsafeRawBufferPointer, _ inputIsPending: Bool,
    into out: inout [UInt8]
  ) -> SMTPServerStep {
    switch command.verb {
    case .ehlo, .helo:
      if inputIsPending, rules.settings.forbidsUnauthorizedPipelining {
        return refuseSynchronization(into: &out)
      }
      return hello(line, command.argument, extended: command.verb == .ehlo, into: &out)
    case .mail: return mail(line, command.argument, into: &out)
    case .rcpt: return rcpt(line, command.argument, into: &out)
    case .data: return data(command.argument, inputIsPending, into: &out)
    case .rset:
      guard command.argument.isEmpty else {
        return fail("501 5.5.4 Syntax: RSET\r\n", junk: true, into: &out)
      }
      transaction = nil
      return succeed("250 2.0.0 Ok\r\n", junk: true, into: &out)
    case .noop: return succeed("250 2.0.0 Ok\r\n", junk: true, into: &out)
    case .quit:
      counters.countAccepted(.quit)
      out.append(text: "221 2.0.0 Bye\r\n")
      return close()
    case .vrfy: return vrfy(command.argument, into: &out)
    case .starttls: return startTLS(command.argument, into: &out)
    case .auth: return fail("503 5.5.1 Error: authentication not enabled\r\n", into: &out)
    case .bdat:
      // What follows is content, not commands, since nobody agreed on a chunk.
      out.append(text: "502 5.5.1 Error: command not implemented\r\n")
      return close()
    case .etrn, .help, .unknown: return unknown(line, command, into: &out)
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
    transaction = nil
    helo = Self.harmless(line[argument])
    isExtended = extended
    counters.countAccepted(current)
    out.append(contentsOf: extended ? rules.ehloReply(secure: isSecure) : rules.heloReply)
    return afterReply(junk: true, into: &out)
  }

  /// A name for logs and trace fields: what has a meaning there becomes `?`.
  private static func harmless(_ name: Slice<UnsafeRawBufferPointer>) -> String {
    let bytes = name.prefix(255).map { byte in
      let marks = byte <= ASCII.space || byte == 0x7f || " <>()\\\";@".utf8.contains(byte)
      return marks ? UInt8(ascii: "?") : byte
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func vrfy(
    _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    if rules.settings.vrfyDisabled {
      return fail("502 5.5.1 VRFY command is disabled\r\n", junk: true, into: &out)
    }
    guard !argument.isEmpty else {
      return fail("501 5.5.4 Syntax: VRFY address\r\n", junk: true, into: &out)
    }
    // RFC 5321 3.5.3: the answer of a server that will not tell.
    return succeed(
      "252 2.0.0 Cannot VRFY user, but will accept message and attempt delivery\r\n",
      junk: true, into: &out)
  }

  private mutating func unknown(
    _ line: UnsafeRawBufferPointer, _ command: SMTPCommand, into out: inout [UInt8]
  ) -> SMTPServerStep {
    let verb = line[command.verbRange]
    let word = String(decoding: verb.map(ASCII.lowercased), as: UTF8.self)
    let startsOddly = verb.first.map { !ASCII.isLetter($0) } ?? false
    let isHeaderField = verb.dropFirst().contains(UInt8(ascii: ":"))
    if rules.forbidden.contains(word) || rules.settings.forbidsNonLetters && startsOddly
      || isHeaderField
    {
      out.append(text: "221 2.7.0 Error: I can break rules, too. Goodbye.\r\n")
      return close()
    }
    return fail("500 5.5.2 Error: command not recognized\r\n", into: &out)
  }

  private static func isUTF8(_ line: UnsafeRawBufferPointer) -> Bool {
    !ByteSearch.oddities(in: line).eightBit
      || String(validating: line, as: UTF8.self) != nil
  }
}
