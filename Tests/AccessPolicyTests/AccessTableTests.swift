import MailTypes
import Primitives
import Testing

@testable import AccessPolicy

/// Each row was played to a running Postfix 3.7.
@Suite struct AccessTableTests {
  private static let request: AccessRequest = {
    var request = AccessRequest(
      clientAddress: stranger, clientName: "mail.client.test", helo: "helo.client.test",
      sender: MailAddress("s+x@src.test"), recipient: MailAddress("A+b@local.test"))
    request.recipientCount = 1
    return request
  }()

  private func verdict(
    _ list: String, in name: RestrictionList.Name = .recipient,
    _ change: (inout AccessSettings) -> Void = { _ in }
  ) async throws -> AccessVerdict {
    let policy = try policy {
      $0.restrictions[name] = words(list)
      $0.recipientDelimiter = "+"
      change(&$0)
    }
    var history = AccessHistory()
    let stage: AccessStage =
      name == .data ? .data : name == .endOfData ? .endOfData : .recipient
    return await policy.judge(stage, Self.request, &history)
  }

  @Test(arguments: [
    ("OK", nil), ("123", nil), ("550", nil), ("permit", nil), ("DISCARD", nil),
    ("450 try", "450 4.7.1 <A+b@local.test>: Recipient address rejected: try"),
    ("550 5.1.1 user", "550 5.1.1 <A+b@local.test>: Recipient address rejected: user"),
    ("550 5.1.7 x", "550 5.1.3 <A+b@local.test>: Recipient address rejected: x"),
    ("550 5.1.8 x", "550 5.1.2 <A+b@local.test>: Recipient address rejected: x"),
    ("451 5.7.1 x", "451 4.7.1 <A+b@local.test>: Recipient address rejected: x"),
    ("451 2.0.0 x", "451 4.0.0 <A+b@local.test>: Recipient address rejected: x"),
    ("521 5.7.1 bye", "521 5.7.1 <A+b@local.test>: Recipient address rejected: bye"),
    ("REJECT", "554 5.7.1 <A+b@local.test>: Recipient address rejected: Access denied"),
    ("reject", "554 5.7.1 <A+b@local.test>: Recipient address rejected: Access denied"),
    ("REJECT 5.1.1 go", "554 5.1.1 <A+b@local.test>: Recipient address rejected: go"),
    ("DEFER", "450 4.7.1 <A+b@local.test>: Recipient address rejected: Access denied"),
    ("DEFER later", "450 4.7.1 <A+b@local.test>: Recipient address rejected: later"),
    (
      "DEFER_IF_PERMIT x", "450 4.3.2 <A+b@local.test>: Recipient address rejected: Try again later"
    ),
    ("DUNNO", "450 4.3.2 <A+b@local.test>: Recipient address rejected: Try again later"),
    ("INFO", "450 4.3.2 <A+b@local.test>: Recipient address rejected: Try again later"),
    (
      "defer_if_reject, reject",
      "450 4.7.0 <A+b@local.test>: Recipient address rejected: defer_if_reject requested"
    ),
    (
      "DEFER_IF_REJECT bar",
      "450 4.3.2 <A+b@local.test>: Recipient address rejected: Try again later"
    ),
    ("BOGUS", "451 4.3.5 Server configuration error"),
    ("999 x", "451 4.3.5 Server configuration error"),
    ("250 ok", "451 4.3.5 Server configuration error"),
    ("check_client_access static:OK", "451 4.3.5 Server configuration error"),
    ("HOLD", "450 4.3.2 <A+b@local.test>: Recipient address rejected: Try again later"),
    ("DELAY 1h", "451 4.3.5 Server configuration error"),
  ])
  func valuesAreActions(_ row: (String, String?)) async throws {
    let list = "check_recipient_access inline:{ {local.test = \(row.0)} }, defer"
    #expect(try await verdict(list).refusal?.logText == row.1, "\(row.0)")
  }

  @Test(arguments: [
    (
      "client", "192.0.2", "mail.client.test[192.0.2.55]>: Client host",
      ["1.1": "0.0", "2.1": "2.1"]
    ),
    ("helo", "client.test", "helo.client.test>: Helo command", ["1.8": "0.0", "4.4": "4.4"]),
    (
      "sender", "src.test", "s+x@src.test>: Sender address",
      [
        "1.0": "1.0", "1.1": "1.7", "1.2": "1.8", "1.3": "1.7", "1.4": "1.7", "1.5": "1.0",
        "1.6": "1.7", "1.7": "1.7", "1.8": "1.8",
      ]
    ),
  ])
  func repliesNameWhatTheyAreAbout(
    _ row: (String, String, String, [String: String])
  ) async throws {
    for (given, said) in row.3 {
      let list = "check_\(row.0)_access inline:{ {\(row.1) = 550 5.\(given) text} }"
      #expect(
        try await verdict(list).refusal?.logText == "550 5.\(said) <\(row.2) rejected: text")
    }
  }

  @Test(arguments: [
    ("recipient", ["a+b@local.test", "a@local.test", "local.test", "test", "a+b@", "a@"]),
    ("sender", ["s+x@src.test", "s@src.test", "src.test", "test", "s+x@", "s@"]),
    (
      "client",
      ["mail.client.test", "client.test", "test", "192.0.2.55", "192.0.2", "192.0", "192"]
    ),
    ("helo", ["helo.client.test", "client.test", "test"]),
  ])
  func keysAreLookedUpInOrder(_ row: (String, [String])) async throws {
    for (index, key) in row.1.enumerated() {
      let later = row.1[index...].reversed().map { "{\($0) = 550 \($0)}" }.joined(separator: ", ")
      let list = "check_\(row.0)_access inline:{ \(later) }"
      #expect(try await verdict(list).refusal?.text.hasSuffix("rejected: \(key)") == true, "\(key)")
    }
  }

  @Test func parentsMayNeedADot() async throws {
    let dotted = "check_helo_access inline:{ {.test = REJECT} }"
    #expect(try await verdict(dotted).refusal == nil)
    #expect(try await verdict(dotted) { $0.accessMapsMatchSubdomains = false }.refusal != nil)
  }

  @Test func anIPv6ClientIsInNetworksByPrefix() {
    let keys = AccessKeys(settings: settings(), onlyWhole: false)
    #expect(
      keys.client(name: "unknown", IPAddress("2001:db8::7:1")!).map {
        String(decoding: $0, as: UTF8.self)
      }
        == ["unknown", "2001:db8::7:1", "2001:db8::7", "2001:db8:", "2001:db8", "2001"])
  }

  @Test func aBareTableIsAboutWhatItsListIsAbout() async throws {
    let rows: [(RestrictionList.Name, String)] = [
      (.client, "mail.client.test"), (.helo, "helo.client.test"), (.sender, "s@src.test"),
      (.relay, "a@local.test"), (.recipient, "a@local.test"),
    ]
    for (name, key) in rows {
      let list = "inline:{ {\(key) = REJECT} }, reject_unauth_destination"
      #expect(try await verdict(list, in: name).refusal != nil, "\(name)")
    }
    #expect(
      try await verdict("inline:{a=b}", in: .data).refusal?.logText
        == "451 4.3.5 Server configuration error")
  }

  @Test func permissionsForRoutesAreWorthless() async throws {
    for (address, isRefused) in [
      ("a%other.test@relay.test", true), ("a@relay.test", false),
      ("\"a@other.test\"@relay.test", true), ("a%other.test@local.test", false),
    ] {
      let policy = try policy {
        $0.restrictions[.relay] = words("check_recipient_access static:OK, reject")
      }
      #expect(await (policy.refusal(of: address) != nil) == isRefused, "\(address)")
    }
  }

  @Test func noticesAreWhatPostfixLogs() async throws {
    let rows: [(String, [AccessNotice])] = [
      ("WARN boo", [AccessNotice(.warn, "boo")]), ("INFO", [AccessNotice(.info, "")]),
      ("HANGUP", [AccessNotice(.hangup, "")]),
      (
        "DISCARD",
        [AccessNotice(.discard, "<s+x@src.test>: Sender address triggers DISCARD action")]
      ),
      ("DISCARD it", [AccessNotice(.discard, "<s+x@src.test>: Sender address it")]),
    ]
    for (action, notices) in rows {
      let found = try await verdict("check_sender_access inline:{ {src.test = \(action)} }")
      #expect(found.notices == notices, "\(action)")
      #expect(found.hangsUp == action.hasPrefix("HANGUP"))
      #expect(found.orders.discards == action.hasPrefix("DISCARD"))
      #expect(found.refusal == nil)
    }
    let warned = try await verdict("warn_if_reject reject")
    #expect(
      warned.notices == [
        AccessNotice(
          .rejectWarning,
          "554 5.7.1 <A+b@local.test>: Recipient address rejected: Access denied")
      ])
    #expect(warned.refusal == nil)
  }

  @Test func fieldsArePrependedBeforeTheContentOnly() async throws {
    let list = "check_sender_access inline:{ {src.test = PREPEND X-One: two} }"
    #expect(try await verdict(list).orders.prependedFields == [Array("X-One: two".utf8)])
    let late = try await verdict(list, in: .endOfData)
    #expect(late.orders.prependedFields == [])
    #expect(late.notices.map(\.kind) == [.fault])
    for bad in ["PREPEND", "PREPEND foo", "PREPEND a b: c", "PREPEND : x"] {
      let found = try await verdict("check_sender_access inline:{ {src.test = \(bad)} }")
      #expect(found.orders.prependedFields == [], "\(bad)")
      #expect(found.notices.map(\.kind) == [.fault], "\(bad)")
    }
  }

  @Test func aTableThatDoesNotAnswerIsNamed() async throws {
    let found = try await verdict("check_client_access fail:x")
    #expect(
      found.refusal?.logText
        == "451 4.3.5 <mail.client.test[192.0.2.55]>: Client host rejected: "
        + "Server configuration error")
    #expect(
      found.notices.first?.text.hasPrefix("fail:x lookup error for \"mail.client.test\"") == true)
  }

  @Test(.timeLimit(.minutes(1)))
  func listsThatNameEachOtherEnd() async throws {
    let loop = try await verdict("loop") { $0.classes = ["loop": ["warn_if_reject", "loop"]] }
    #expect(loop.refusal?.logText == "451 4.3.5 Server configuration error")
    let table = try await verdict("loop") {
      $0.classes = ["loop": words("check_recipient_access inline:{ {local.test = loop} }")]
    }
    #expect(table.refusal?.logText == "451 4.3.5 Server configuration error")
  }
}
