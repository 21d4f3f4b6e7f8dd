import RealPeers
import Testing

/// What a client sends before it reads.
enum DialogStep: ExpressibleByStringLiteral {
  /// A line, to which CRLF is added.
  case line(String)
  /// Bytes as they are, and how many replies follow.
  case raw(String, replies: Int = 1)

  static let ehlo = line("EHLO c.test")
  static let mail = line("MAIL FROM:<a@b.test>")
  static let rcpt = line("RCPT TO:<u@here.test>")
  static let message = raw("Subject: x\r\n\r\nhello\r\n.\r\n")

  init(stringLiteral line: String) { self = .line(line) }

  var text: String {
    switch self {
    case .line(let text): "\(text)\r\n"
    case .raw(let text, _): text
    }
  }

  var replies: Int {
    if case .raw(_, let replies) = self { replies } else { 1 }
  }
}

extension EndToEnd {
  /// Each dialog is played to a private Postfix and to Martinet: codes, enhanced codes and texts
  /// are the same but where a reason is written down.
  @Suite(.enabled(if: PostfixOracle.isAvailable && Subject.isMartinet))
  struct DialogOracleTests {
    /// What Martinet says where it says something else than Postfix 3.7, and why.
    private static let differences: [(step: String, reply: String, reason: String)] = [
      (
        "ETRN relay.test", "459 <relay.test>: service unavailable",
        "no queue is kept for clients that are not always there"
      ),
      ("NOOP\0", "500 5.5.2 Error: command not recognized", "a NUL does not end a line"),
      ("NOOP x", "500 5.5.2 Error: line too long", "the rest of a cut line is no command"),
      ("MAIL FROM:<aaa", "500 5.5.2 Error: line too long", "the rest of a cut line is no command"),
      ("MAIL FROM:a@b>", badSender, "brackets that do not match"),
      ("MAIL FROM:<@c>", badSender, "an address without a local part"),
      ("MAIL FROM:<@x:>", badSender, "an address without a local part"),
      ("MAIL FROM:<<a@b>>", badSender, "strict means strict: RFC 5321 knows one pair of brackets"),
      ("MAIL FROM:<(c)a@b>", badSender, "RFC 5321 knows no comments in a path"),
      ("MAIL FROM:<a(c)@b>", badSender, "RFC 5321 knows no comments in a path"),
      ("MAIL FROM:<[a]@b>", badSender, "brackets are for domains"),
      ("MAIL FROM:<a\u{1}@b>", badSender, "no control characters in names"),
      ("RCPT TO:u@here.test>", badRecipient, "brackets that do not match"),
      ("RCPT TO:<u@here.test@>", badRecipient, "an address without a domain"),
      ("RCPT TO:<u@[127.0.0.1>", badRecipient, "an address literal has an end"),
      ("RCPT TO:<u@other.test(@here.test)>", badRecipient, "RFC 5321 knows no comments in a path"),
      ("RCPT TO:<u @here.test>", badRecipient, "no spaces in names"),
      ("RCPT TO:<u@ here.test>", badRecipient, "no spaces in names"),
      (
        "RCPT TO:<u@here.test> ORCPT=rfc822;a+0A",
        "501 5.5.4 Error: Bad ORCPT parameter syntax", "it would end a line of a report"
      ),
    ]

    private static let badSender = "501 5.1.7 Bad sender address syntax"
    private static let badRecipient = "501 5.1.3 Bad recipient address syntax"

    private static let patient = [
      "smtpd_hard_error_limit": "1000", "smtpd_soft_error_limit": "900",
      "message_size_limit": "102400",
    ]

    private static var addresses: [[DialogStep]] {
      DialogTables.senders.map { [.ehlo, .line("MAIL FROM:\($0)")] }
        + DialogTables.recipients.map { [.ehlo, .mail, .line("RCPT TO:\($0)")] }
        + DialogTables.spellings
    }

    @Test(.timeLimit(.minutes(3))) func commandsAreAnsweredAlike() throws {
      try compare(DialogTables.commands, Self.patient)
    }

    @Test(.timeLimit(.minutes(3)), arguments: ["no", "yes"])
    func addressesAreAnsweredAlike(strict: String) throws {
      try compare(
        Self.addresses, Self.patient.merging(["strict_rfc821_envelopes": strict]) { $1 })
    }

    @Test(.timeLimit(.minutes(3))) func chunksAreAnsweredAlike() throws {
      try compare(DialogTables.chunks, Self.patient)
    }

    @Test(.timeLimit(.minutes(3))) func limitsAreReachedAlike() throws {
      let dialogs: [[DialogStep]] =
        ["FOO", "VRFY a", "HELP", "ETRN a"].map { [.ehlo] + Array(repeating: .line($0), count: 22) }
        + ["NOOP", "HELO x"].map { [.ehlo] + Array(repeating: .line($0), count: 130) }
        + ["RCPT TO:<x@other.test>", "RCPT TO:<>", "RCPT TO:<u@here.test>"].map {
          [.ehlo, .mail] + Array(repeating: .line($0), count: 24)
        } + [[.ehlo] + Array(repeating: "RSET", count: 10) + Array(repeating: "FOO", count: 21)]
      try compare(
        dialogs, ["smtpd_recipient_limit": "3", "smtpd_recipient_overshoot_limit": "4"])
    }

    @Test(.timeLimit(.minutes(3))) func junkIsCountedAlike() throws {
      let words = [
        "NOOP", "RSET", "VRFY u@here.test", "ETRN a", "XCLIENT a", "STARTTLS x", "BDAT 0",
      ]
      let more: [[DialogStep]] = [
        [.ehlo] + Array(repeating: [.mail, "RSET"], count: 8).joined(),
        [.ehlo] + Array(repeating: "NOOP", count: 4) + [.mail, .rcpt, "DATA", .message]
          + Array(repeating: "NOOP", count: 12),
        [.ehlo] + Array(repeating: ["NOOP", "FOO"], count: 8).joined(),
        [.ehlo, .mail, .rcpt] + Array(repeating: "DATA x", count: 8),
        [.ehlo, .mail, .rcpt] + Array(repeating: .raw("BDAT 1\r\nx"), count: 14),
        Array(repeating: "HELO x", count: 14), [.ehlo] + Array(repeating: "HELO", count: 10),
      ]
      try compare(
        words.map { [.ehlo] + Array(repeating: .line($0), count: 14) } + more,
        ["smtpd_junk_command_limit": "3", "smtpd_hard_error_limit": "6"])
    }

    @Test(.timeLimit(.minutes(3))) func lineEndsAndEagernessAreAnsweredAlike() throws {
      try compare(
        [
          [.ehlo, .mail, .rcpt, .raw("BDAT 3 LAST\r\na\nb"), .mail],
          [.ehlo, .mail, .rcpt, .raw("BDAT 3\r\na\nb"), .raw("BDAT 1 LAST\r\nx"), .mail],
          [.ehlo, .mail, .rcpt, "DATA", .raw("a\nb\r\n.\r\n"), .mail],
          [.ehlo, .raw("NOOP\n"), "NOOP"],
        ], Self.patient.merging(["smtpd_forbid_bare_newline": "reject"]) { $1 })
      try compare(
        [
          [.ehlo, .raw("NOOP\r\nNOOP\r\nRSET\r\n", replies: 3)],
          ["HELO x", .raw("MAIL FROM:<>\r\nRSET\r\n", replies: 2)],
          [.ehlo, .mail, .rcpt, .raw("DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n", replies: 2)],
        ], Self.patient.merging(["smtpd_forbid_unauth_pipelining": "no"]) { $1 })
    }

    @Test(.timeLimit(.minutes(3))) func whatIsHiddenOrDemandedIsAnsweredAlike() throws {
      try compare(
        [
          [.mail], [.rcpt], ["HELO x", .mail, "QUIT"], ["VRFY a"], ["NOOP", "RSET"], ["DATA"],
          ["ETRN a"],
          [.raw("BDAT 5 LAST\r\nhello")], ["AUTH"], ["HELO x", "VRFY a", "ETRN a"],
        ], ["smtpd_helo_required": "yes", "disable_vrfy_command": "yes"])
      try compare(
        [
          [.ehlo], [.ehlo, "MAIL FROM:<a@\u{e9}.test>"], [.ehlo, "MAIL FROM:<a@b> SMTPUTF8"],
          [.ehlo, "MAIL FROM:<\u{e9}@b.test>", "RCPT TO:<\u{e9}@here.test>"],
          [.ehlo, .mail, "RCPT TO:<u@\u{e9}.test>", "VRFY \u{e9}@here.test"],
          [.ehlo, "VRFY u@here.test SMTPUTF8"],
        ], ["smtputf8_enable": "no"])
      try compare(
        [
          [.ehlo], [.ehlo, "MAIL FROM:<a@b> SIZE=1"], [.ehlo, "MAIL FROM:<a@b> BODY=8BITMIME"],
          [.ehlo, "VRFY u@here.test"], [.ehlo, "AUTH", "STARTTLS"], [.ehlo, "FOO"],
        ],
        [
          "smtpd_discard_ehlo_keywords":
            "size, 8bitmime, vrfy, enhancedstatuscodes, auth, starttls"
        ])
      try compare(
        [
          [.ehlo], [.ehlo, "FOO", "bar x", "BAZ"],
          [.ehlo, .mail, .rcpt, .raw("BDAT 5 LAST\r\nhello"), "NOOP"],
          [.ehlo, "MAIL FROM:<a@b> RET=FULL"], [.ehlo, "MAIL FROM:<a@b> SMTPUTF8"],
          [.ehlo, .mail, "RCPT TO:<u@here.test> NOTIFY=NEVER"], [.ehlo, "ETRN a"],
        ],
        [
          "smtpd_discard_ehlo_keywords": "pipelining, dsn, chunking, smtputf8, etrn",
          "smtpd_noop_commands": "FOO, BAR",
        ])
      try compare(
        [[.ehlo], [.ehlo, "FOO"], ["GET x"], ["BAR"], ["1"], [.ehlo, "X: y"]],
        [
          "message_size_limit": "0", "smtpd_forbidden_commands": "FOO bar",
          "smtpd_discard_ehlo_keyword_address_maps":
            "inline:{{127.0.0.1=dsn, etrn silent-discard}}",
        ])
    }

    private func compare(_ dialogs: [[DialogStep]], _ more: [String: String]) throws {
      let settings = [
        "mynetworks": "192.0.2.0/24", "mydestination": "here.test, localhost",
        "relay_domains": "relay.test", "mydomain": "martinet.test", "mail_name": "Postfix",
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
        "smtpd_error_sleep_time": "0", "smtpd_forbid_bare_newline": "normalize",
        "smtpd_forbid_bare_newline_exclusions": "", "smtpd_forbid_unauth_pipelining": "yes",
        "local_transport": "discard:", "smtpd_client_connection_rate_limit": "0",
      ].merging(more) { $1 }
      let postfix = try PostfixOracle(settings: settings)
      try postfix.start()
      let martinet = try MartinetInstance(settings: settings)
      try martinet.start()
      for dialog in dialogs {
        let theirs = try Self.play(dialog, at: postfix.port)
        let ours = try Self.play(dialog, at: martinet.port)
        try #require(theirs.count <= dialog.reduce(1) { $0 + $1.replies })
        Self.expect(ours, theirs, dialog)
      }
      try martinet.stop()
      try postfix.stop()
    }

    /// All replies, the greeting first; `closed` for the end of the connection.
    private static func play(_ dialog: [DialogStep], at port: UInt16) throws -> [String] {
      let session = try SMTPDialog(port: port)
      var replies: [String] = []
      do throws(PeerError) {
        replies.append(try session.reply().description)
        for step in dialog {
          try session.send(raw: Array(step.text.utf8))
          for _ in 0..<step.replies {
            replies.append(normalized(try session.reply(to: step.text)))
          }
        }
      } catch {
        guard case .closed = error else { throw error }
        replies.append("closed")
      }
      session.close()
      return replies
    }

    private static func normalized(_ reply: SMTPReply) -> String {
      reply.description.replacing(#/queued as \S+/#, with: "queued as ID")
    }

    private static func expect(_ ours: [String], _ theirs: [String], _ dialog: [DialogStep]) {
      let steps = dialog.flatMap { Array(repeating: $0.text, count: $0.replies) }
      for index in 0..<max(ours.count, theirs.count) {
        let step = index == 0 ? "the connection" : steps[min(index, steps.count) - 1]
        let (our, their) = (
          index < ours.count ? ours[index] : "nothing",
          index < theirs.count ? theirs[index] : "nothing"
        )
        if our == their { continue }
        let known = differences.contains {
          our == $0.reply && (step == "\($0.step)\r\n" || $0.reply.contains("line too long"))
            && step.hasPrefix($0.step)
        }
        #expect(
          known,
          "\(step.prefix(100).debugDescription): Postfix says \(their), Martinet \(our)")
        if our == "closed" || their == "closed" { return }
      }
    }
  }
}
