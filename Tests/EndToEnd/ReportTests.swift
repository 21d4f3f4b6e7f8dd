import RealPeers
import Testing

extension EndToEnd {
  /// What senders hear, and what next hops are told of it.
  @Suite(.enabled(if: Subject.isMartinet))
  struct ReportTests {
    private static let cases: [ReportScene.Case] = [
      .init(
        mail: "<s@src.test> RET=HDRS ENVID=a+2Bb",
        recipients: [
          "<x@dsn.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;or+2Big@dsn.test", "<y@dsn.test>",
          "<z@dsn.test> NOTIFY=never",
        ]),
      .init(
        mail: "<s@src.test> BODY=8BITMIME", recipients: ["<x+a=b@dsn.test> NOTIFY=DELAY"],
        content: "Subject: hi\r\n\r\nhell\u{f3}\r\n"),
      .init(
        mail: "<s@src.test> BODY=8BITMIME RET=FULL", recipients: ["<x@plain.test>"],
        content: "Subject: hi\r\n\r\nhell\u{f3}\r\n"),
      .init(mail: "<s@src.test> SMTPUTF8", recipients: ["<\u{fc}@dsn.test>"]),
      .init(mail: "<s@src.test> SMTPUTF8", recipients: ["<\u{fc}@plain.test>"], reports: 1),
      .init(
        mail: "<s@src.test> SMTPUTF8", recipients: ["<x@dsn.test>", "<y@plain.test>"],
        content: "Subject: \u{fc}\r\n\r\nhello\r\n", reports: 1),
      .init(
        mail: "<s@src.test> RET=HDRS ENVID=a+2Bb",
        recipients: ["<bad@plain.test> NOTIFY=FAILURE ORCPT=rfc822;or+2Big@dsn.test"], reports: 1),
      .init(mail: "<s@src.test> RET=FULL", recipients: ["<bad@dsn.test>"], reports: 1),
      .init(mail: "<s@src.test>", recipients: ["<bad@dsn.test> NOTIFY=NEVER"]),
      .init(mail: "<s@src.test>", recipients: ["<bad@dsn.test> NOTIFY=SUCCESS,DELAY"]),
      .init(
        mail: "<s@src.test>", recipients: ["<bad@dsn.test>"],
        content: "Subject: big\r\n\r\n" + String(repeating: "hello\r\n", count: 9000), reports: 1),
      .init(
        mail: "<s@src.test> ENVID=xyz RET=FULL", recipients: ["<ok@plain.test> NOTIFY=SUCCESS"],
        reports: 1),
      .init(
        mail: "<s@src.test>",
        recipients: ["<ok@plain.test> NOTIFY=SUCCESS", "<bad@plain.test> NOTIFY=FAILURE"],
        reports: 2),
      .init(mail: "<s@src.test>", recipients: ["<x@void.test> NOTIFY=SUCCESS"], reports: 1),
      .init(mail: "<>", recipients: ["<bad@dsn.test>"]),
      .init(mail: "<>", recipients: ["<ok@plain.test> NOTIFY=SUCCESS"]),
      .init(mail: "<double-bounce@mx.martinet.test>", recipients: ["<bad@dsn.test>"]),
      .init(
        mail: "<double-bounce@mx.martinet.test>",
        recipients: ["<ok@plain.test> NOTIFY=SUCCESS"]),
    ]

    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(3)))
    func reportsAndWishesAreThoseOfPostfix() throws {
      let theirs = try ReportScene { try PostfixOracle(settings: $0) }
      let ours = try ReportScene { try MartinetInstance(settings: $0) }
      for what in Self.cases {
        let (their, our) = (try theirs.play(what), try ours.play(what))
        #expect(our.commands == their.commands, "\(what.testDescription)")
        #expect(our.reports == their.reports, "\(what.testDescription)")
        #expect(our.log == their.log, "\(what.testDescription)")
        #expect(our.reports.count == what.reports)
      }
      try theirs.server.stop()
      try ours.server.stop()
    }

    /// What the postmaster gets besides (`notify_classes`).
    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(3)))
    func thePostmasterGetsWhatPostfixGivesIt() throws {
      let notices = [
        "notify_classes": "bounce", "bounce_notice_recipient": "bounces@src.test",
        "2bounce_notice_recipient": "double@src.test",
      ]
      let theirs = try ReportScene { try PostfixOracle(settings: $0.merging(notices) { $1 }) }
      let ours = try ReportScene { try MartinetInstance(settings: $0.merging(notices) { $1 }) }
      for what: ReportScene.Case in [
        .init(mail: "<s@src.test>", recipients: ["<bad@plain.test>", "<x@dsn.test>"], reports: 2),
        .init(
          mail: "<s@src.test> RET=FULL", recipients: ["<bad@dsn.test> NOTIFY=NEVER"], reports: 1),
        .init(mail: "<>", recipients: ["<bad@dsn.test>"], reports: 1),
        .init(mail: "<double-bounce@mx.martinet.test>", recipients: ["<bad@dsn.test>"]),
        .init(
          mail: "<s@src.test>", recipients: ["<x@plain.test> NOTIFY=SUCCESS"], reports: 1),
      ] {
        let (their, our) = (try theirs.play(what), try ours.play(what))
        #expect(our.reports == their.reports, "\(what.testDescription)")
        #expect(our.log == their.log, "\(what.testDescription)")
        #expect(our.reports.count == what.reports)
      }
      try theirs.server.stop()
      try ours.server.stop()
    }
  }
}
