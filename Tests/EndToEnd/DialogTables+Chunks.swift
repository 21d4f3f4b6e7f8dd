/// BDAT.
extension DialogTables {
  /// Chunks, and what may go wrong between them.
  static let chunks: [[DialogStep]] = [
    [.ehlo, .mail, .rcpt, .raw("BDAT 5 LAST\r\nhello"), "NOOP", .mail],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), .raw("BDAT 3 LAST\r\nabc"), "QUIT"],
    [.ehlo, .mail, .rcpt, "BDAT 0 LAST", .mail],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), "BDAT 0 LAST", .mail],
    [.ehlo, .mail, .rcpt, "BDAT"],
    [.ehlo, .mail, .rcpt, "BDAT x"],
    [.ehlo, .mail, .rcpt, "BDAT -1"],
    [.ehlo, .mail, .rcpt, "BDAT 1 FOO"],
    [.ehlo, .mail, .rcpt, "BDAT 1 LAST x"],
    [.ehlo, .mail, .rcpt, "BDAT 99999999999999999999"],
    [.ehlo, .mail, .rcpt, "BDAT 1 2 3 4", "NOOP"],
    [.ehlo, .mail, .rcpt, "BDAT 0", "BDAT 0", "BDAT 0 LAST"],
    [.ehlo, .raw("BDAT 5\r\nhello"), "NOOP"],
    [.ehlo, .mail, .raw("BDAT 5\r\nhello"), "NOOP"],
    [.ehlo, .mail, .raw("BDAT 5 LAST\r\nhello"), "NOOP"],
    [.ehlo, .mail, "RCPT TO:<x@other.test>", .raw("BDAT 5 LAST\r\nhello"), "NOOP"],
    [.raw("BDAT 5 LAST\r\nhello"), "NOOP"],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), "DATA", "NOOP", "RSET"],
    [
      .ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), .rcpt, .mail, "VRFY u@here.test", "NOOP",
      "RSET", .mail,
    ],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), "EHLO x", .mail, .rcpt],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), "HELO x", "BDAT 0 LAST"],
    [
      .ehlo, .mail, .rcpt, .raw("BDAT 110000\r\n" + String(repeating: "x", count: 110000)),
      .raw("BDAT 5 LAST\r\nhello"), "NOOP", .mail,
    ],
    [.ehlo, .mail, .rcpt, .raw("BDAT 110000 LAST\r\n" + String(repeating: "x", count: 110000))],
    [
      .ehlo, .mail, .rcpt, .raw("BDAT 60000\r\n" + String(repeating: "x", count: 60000)),
      .raw("BDAT 60000\r\n" + String(repeating: "x", count: 60000)), .raw("BDAT 5 LAST\r\nhello"),
      "NOOP", .mail,
    ],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhelloBDAT 3 LAST\r\nabcQUIT\r\n", replies: 3)],
    [
      .ehlo,
      .raw(
        "MAIL FROM:<a@b.test>\r\nRCPT TO:<u@here.test>\r\nBDAT 5 LAST\r\nhelloQUIT\r\n",
        replies: 4),
    ],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5 last\r\nhello")],
    [.ehlo, .mail, .rcpt, .raw("bdat 5 LaSt\r\nhello")],
    [.ehlo, .mail, .rcpt, .raw("BDAT 007 LAST\r\nhello\r\n")],
    [.ehlo, .mail, .rcpt, .raw("BDAT +5 LAST\r\nhello")],
    [.ehlo, .mail, .rcpt, .raw("BDAT 0x5 LAST\r\nhello")],
    [
      .ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), "STARTTLS", "AUTH x", "ETRN here.test", "HELP",
      "FOO", "BDAT 0 LAST",
    ],
    [
      .ehlo, .mail, .rcpt,
      .raw(
        "BDAT 700 LAST\r\n" + String(repeating: "Received: x\r\n", count: 52)
          + "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"), "NOOP", .mail,
    ],
    [.ehlo, .mail, .rcpt, .raw("BDAT 7 LAST\r\n.\r\n.\r\n."), .mail],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), "BDAT x", .mail],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), "BDAT", "NOOP", .mail],
    ["HELO x", .mail, .rcpt, .raw("BDAT 5 LAST\r\nhello")],
    [.ehlo, .mail, .rcpt, "BDAT 18446744073709551616 LAST"],
    [
      .ehlo, .mail, .rcpt,
      .raw(
        "BDAT 5 LAST\r\nhelloMAIL FROM:<a@b.test>\r\nRCPT TO:<u@here.test>\r\nBDAT 3 LAST\r\nabc",
        replies: 4),
    ],
    [
      .ehlo, .raw("BDAT 5\r\nhello"), .raw("BDAT 5\r\nhello"), .raw("BDAT 5 LAST\r\nhello"),
      .raw("BDAT 5\r\nhello"), .mail, .rcpt, .raw("BDAT 5 LAST\r\nhello"),
    ],
    [.ehlo, .raw("BDAT 5\r\nhello"), .mail, .rcpt, .raw("BDAT 5 LAST\r\nhello"), .mail],
    [
      .ehlo, .raw("BDAT 5\r\nhello"), .raw("BDAT 5 LAST\r\nhello"), .mail, .rcpt,
      .raw("BDAT 5 LAST\r\nhello"),
    ],
    [.ehlo, .raw("BDAT 5 LAST\r\nhello"), .raw("BDAT 5 LAST\r\nhello"), .mail],
    [.ehlo, .mail, .raw("BDAT 5\r\nhello"), .rcpt, .raw("BDAT 5 LAST\r\nhello"), .mail],
    [.ehlo, .mail, .raw("BDAT 5 LAST\r\nhello"), .rcpt, .raw("BDAT 5 LAST\r\nhello"), .mail],
    [.ehlo, .mail, .raw("BDAT 5\r\nhello"), "RSET", .mail, .rcpt, .raw("BDAT 5 LAST\r\nhello")],
    [
      .ehlo, .mail, .rcpt, .raw("BDAT 110000\r\n" + String(repeating: "x", count: 110000)),
      .raw("BDAT 5\r\nhello"), .rcpt, .mail, "DATA", "VRFY u@here.test",
      .raw("BDAT 5 LAST\r\nhello"), .mail, .rcpt, .raw("BDAT 5 LAST\r\nhello"),
    ],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), "BDAT 0", .raw("BDAT 5 LAST\r\nhello"), .mail],
    [.ehlo, .mail, .rcpt, "BDAT 0", "RSET", .mail, .rcpt, .raw("BDAT 5 LAST\r\nhello")],
    [.ehlo, .mail, .rcpt, .raw("BDAT 5\r\nhello"), .raw("BDAT 5\r\nhello"), "QUIT"],
    [
      .ehlo, .mail, "RCPT TO:<x@other.test>", .raw("BDAT 5\r\nhello"), .raw("BDAT 5 LAST\r\nhello"),
      .raw("BDAT 5 LAST\r\nhello"), .mail,
    ],
    [
      .ehlo, .mail, .rcpt,
      .raw(
        "BDAT 700\r\n" + String(repeating: "Received: x\r\n", count: 52)
          + "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"), .raw("BDAT 5 LAST\r\nhello"),
      .mail,
    ],
    [.ehlo, .raw("BDAT 5\r\nhello"), "EHLO x", .raw("BDAT 5 LAST\r\nhello")],
    [
      .ehlo, .mail, .rcpt, .raw("BDAT 5 LAST\r\nhello"), .raw("BDAT 5 LAST\r\nhello"),
      .raw("BDAT 5\r\nhello"), .raw("BDAT 5 LAST\r\nhello"),
    ],
  ]
}
