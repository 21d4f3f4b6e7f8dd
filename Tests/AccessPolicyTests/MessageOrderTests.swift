import MailTypes
import Testing

@testable import AccessPolicy

/// HOLD, FILTER, REDIRECT and BCC of access tables.
struct MessageOrderTests {
  private func verdict(
    _ action: String, in list: RestrictionList.Name = .sender, at stage: AccessStage = .recipient
  ) async throws -> AccessVerdict {
    let policy = try policy {
      let verb = list == .etrn ? "check_etrn_access" : "check_sender_access"
      $0.restrictions[list] = words("\(verb) inline:{ {src.test = \(action)} }")
    }
    var history = AccessHistory()
    var request = AccessRequest(
      clientAddress: stranger, sender: MailAddress("s@src.test"),
      recipient: MailAddress("a@local.test"))
    request.etrnDomain = "src.test"
    return await policy.judge(stage, request, &history)
  }

  @Test(arguments: [
    ("HOLD", AccessNotice.Kind.hold, "triggers HOLD action"),
    ("hold because", .hold, "because"),
    ("FILTER smtp:[192.0.2.1]:25", .filter, "triggers FILTER smtp:[192.0.2.1]:25"),
    ("FILTER scan:", .filter, "triggers FILTER scan:"),
    ("REDIRECT x@y.test", .redirect, "triggers REDIRECT x@y.test"),
    ("BCC x@y.test", .bcc, "triggers BCC x@y.test"),
  ])
  func ordersAreNotedAndLoggedAsPostfixLogsThem(
    _ row: (String, AccessNotice.Kind, String)
  ) async throws {
    let found = try await verdict(row.0)
    #expect(found.refusal == nil)
    #expect(found.notices == [AccessNotice(row.1, "<s@src.test>: Sender address \(row.2)")])
    #expect(found.orders.holds == (row.1 == .hold))
    #expect(found.orders.filter == (row.1 == .filter ? String(row.0.dropFirst(7)) : ""))
    #expect(found.orders.redirect == (row.1 == .redirect ? MailAddress("x@y.test") : nil))
    #expect(found.orders.copies == (row.1 == .bcc ? [MailAddress("x@y.test")] : []))
  }

  @Test func anOrderLeavesTheRestToTheNextRestriction() async throws {
    let policy = try policy {
      $0.restrictions[.sender] = words("check_sender_access static:HOLD, reject")
    }
    var history = AccessHistory()
    let request = AccessRequest(
      clientAddress: stranger, sender: MailAddress("s@src.test"),
      recipient: MailAddress("a@local.test"))
    let found = await policy.judge(.recipient, request, &history)
    #expect(found.refusal?.code == 554)
    #expect(found.orders.holds)
  }

  @Test(arguments: [
    ("FILTER", "has FILTER entry without value"),
    ("FILTER smtp", "requires transport:destination"),
    ("REDIRECT x", "requires user@domain target"),
    ("BCC", "requires user@domain target"),
  ])
  func ordersThatMakeNoSenseAreReportedAndNotCarriedOut(_ row: (String, String)) async throws {
    let found = try await verdict(row.0)
    #expect(found.orders.isEmpty)
    #expect(found.refusal == nil)
    #expect(
      found.notices == [
        AccessNotice(
          .fault,
          "access table inline:{ {src.test = \(row.0)} } entry \"s@src.test\" \(row.1)"
            .replacing("s@src.test", with: "src.test"))
      ])
  }

  @Test func etrnBringsNoMessage() async throws {
    for action in ["HOLD", "FILTER smtp:x", "REDIRECT a@b", "BCC a@b", "DISCARD", "PREPEND a: b"] {
      let found = try await verdict(action, in: .etrn, at: .etrn)
      let name = action.prefix { $0 != " " }
      #expect(found.orders.isEmpty, "\(action)")
      #expect(
        found.notices.first?.text.hasSuffix(
          "action \(name) is unavailable in smtpd_etrn_restrictions") == true, "\(action)")
    }
  }

  /// There is no message yet; Postfix warns in these words.
  @Test func beforeMailThereIsNoMessage() async throws {
    for action in ["HOLD", "FILTER smtp:x", "REDIRECT a@b", "BCC a@b", "DISCARD", "PREPEND a: b"] {
      let policy = try policy {
        $0.delaysReject = false
        $0.restrictions[.client] = words("check_client_access static:{\(action)}")
      }
      var history = AccessHistory()
      let found = await policy.judge(
        .connect, AccessRequest(clientAddress: stranger), &history)
      #expect(found.orders.isEmpty && found.refusal == nil, "\(action)")
      let name = action.prefix { $0 != " " }
      #expect(
        found.notices.map(\.text) == [
          "access table static:{\(action)}: with smtpd_delay_reject=no, action \(name) is always "
            + "skipped in Client host or Helo command restrictions"
        ])
    }
  }

  @Test func theBoundsAreThoseOfAMessage() {
    var all = MessageOrders()
    var fits = true
    var later = MessageOrders()
    later.prependedFields = [Array(repeating: 65, count: MessageOrders.prependedSizeMax - 10)]
    later.copies = (0..<MessageOrders.copiesMax - 1).map { MailAddress("c\($0)@x.test") }
    fits = all.add(later)
    #expect(fits)
    later.prependedFields = [Array(repeating: 66, count: 9), Array(repeating: 67, count: 2)]
    later.copies = [MailAddress("c0@x.test")]
    fits = all.add(later)
    #expect(!fits)
    #expect(all.prependedFields.count == 2)
    later.prependedFields = []
    later.copies = [MailAddress("d@x.test")]
    fits = all.add(later)
    #expect(fits)
    later.copies = [MailAddress("e@x.test")]
    fits = all.add(later)
    #expect(!fits)
    #expect(all.copies.count == MessageOrders.copiesMax)
  }

  @Test func theLastFilterAndRedirectionCountAndCopiesAddUp() {
    var all = MessageOrders()
    var fits = true
    var first = MessageOrders()
    first.filter = "a:"
    first.redirect = MailAddress("a@x.test")
    first.copies = [MailAddress("c@x.test")]
    first.holds = true
    var second = MessageOrders()
    second.filter = "b:"
    second.copies = [MailAddress("d@x.test"), MailAddress("c@x.test")]
    fits = all.add(first)
    #expect(fits)
    fits = all.add(second)
    #expect(fits)
    #expect(all.filter == "b:")
    #expect(all.redirect == MailAddress("a@x.test"))
    #expect(all.copies == [MailAddress("c@x.test"), MailAddress("d@x.test")])
    #expect(all.holds)
    #expect(!all.discards)
  }
}
