import MailTypes
import Primitives
import Testing

@testable import AccessPolicy

/// What each verb says, in words that a running Postfix 3.7 used.
@Suite struct RestrictionTests {
  private func refusal(
    _ list: String, in name: RestrictionList.Name = .recipient, at stage: AccessStage = .recipient,
    _ change: (inout AccessRequest) -> Void = { _ in }
  ) async throws -> String? {
    let policy = try policy { $0.restrictions[name] = words(list) }
    var request = AccessRequest(
      clientAddress: stranger, helo: "client.test", sender: MailAddress("s@src.test"),
      recipient: MailAddress("a@local.test"))
    change(&request)
    var history = AccessHistory()
    return await policy.judge(stage, request, &history).refusal?.logText
  }

  @Test(arguments: [
    ("client", nil, "504 5.5.2 <client>: Helo command rejected: need fully-qualified hostname"),
    ("client.test", nil, nil), ("client.test.", nil, nil), ("[127.0.0.1]", nil, nil),
    ("[IPv6:::1]", nil, nil), ("a_b.c", nil, nil),
    (
      "[1.2.3]", "501 5.5.2 <[1.2.3]>: Helo command rejected: invalid ip address",
      "501 5.5.2 <[1.2.3]>: Helo command rejected: invalid ip address"
    ),
    ("1.2.3.4", nil, "504 5.5.2 <1.2.3.4>: Helo command rejected: need fully-qualified hostname"),
    (
      "a..b", "501 5.5.2 <a..b>: Helo command rejected: Invalid name",
      "504 5.5.2 <a..b>: Helo command rejected: need fully-qualified hostname"
    ),
    (
      "caf\u{e9}.test", "501 5.5.2 <caf\u{e9}.test>: Helo command rejected: Invalid name",
      "504 5.5.2 <caf\u{e9}.test>: Helo command rejected: need fully-qualified hostname"
    ),
  ])
  func heloNames(_ row: (String, String?, String?)) async throws {
    for name in ["reject_invalid_helo_hostname", "reject_invalid_hostname"] {
      #expect(try await refusal(name) { $0.helo = row.0 } == row.1, "\(name) \(row.0)")
    }
    for name in ["reject_non_fqdn_helo_hostname", "reject_non_fqdn_hostname"] {
      #expect(try await refusal(name) { $0.helo = row.0 } == row.2, "\(name) \(row.0)")
    }
    #expect(try await refusal("reject_non_fqdn_helo_hostname") { $0.helo = nil } == nil)
  }

  @Test(arguments: [
    ("", nil), ("a@b.c", nil), ("a@[1.2.3.4]", nil), ("a@b.c.", nil),
    ("a", "<a>"), ("a@b", "<a@b>"), ("a%b@c", "<a%b@c>"), ("\"a b\"@c", "<a b@c>"),
  ])
  func senderDomains(_ row: (String, String?)) async throws {
    let expected = row.1.map {
      "504 5.5.2 \($0): Sender address rejected: need fully-qualified address"
    }
    #expect(
      try await refusal("reject_non_fqdn_sender") { $0.sender = MailAddress(row.0) } == expected)
  }

  @Test func recipientDomains() async throws {
    #expect(
      try await refusal("reject_non_fqdn_recipient") { $0.recipient = MailAddress("a@localhost") }
        == "504 5.5.2 <a@localhost>: Recipient address rejected: need fully-qualified address")
    #expect(try await refusal("reject_non_fqdn_recipient") == nil)
  }

  @Test func unlistedUsers() async throws {
    let unknown = "User unknown in"
    for (address, reason) in [
      ("nobody@local.test", "\(unknown) local recipient table"),
      ("nobody@relay.test", "\(unknown) relay recipient table"),
      ("nobody@vbox.test", "\(unknown) virtual mailbox table"),
      ("nobody@valias.test", "\(unknown) virtual alias table"),
    ] {
      #expect(
        try await refusal("") { $0.recipient = MailAddress(address) }
          == "550 5.1.1 <\(address)>: Recipient address rejected: \(reason)")
      #expect(
        try await refusal("reject_unlisted_sender") { $0.sender = MailAddress(address) }
          == "550 5.1.\(address.hasSuffix("@valias.test") ? 7 : 0) <\(address)>: "
          + "Sender address rejected: \(reason)")
      #expect(try await refusal("") { $0.sender = MailAddress(address) } == nil)
    }
    let lenient = try policy {
      $0.rejectsUnlistedRecipient = false
      $0.showsTableName = false
    }
    #expect(await lenient.refusal(of: "nobody@local.test") == nil)
    let silent = try policy {
      $0.showsTableName = false
      $0.codes.unknownLocalRecipient = 450
    }
    #expect(
      await silent.refusal(of: "nobody@local.test")?.logText
        == "450 4.1.1 <nobody@local.test>: Recipient address rejected: User unknown")
  }

  @Test func sessions() async throws {
    #expect(
      try await refusal("reject_plaintext_session") == "450 4.7.1 Session encryption is required")
    #expect(try await refusal("reject_plaintext_session") { $0.isEncrypted = true } == nil)
    #expect(try await refusal("reject_unauth_pipelining") == nil)
    #expect(
      try await refusal("reject_unauth_pipelining", in: .data, at: .data) {
        $0.pipelinesIllegally = true
      } == "503 5.5.0 <DATA>: Data command rejected: Improper use of SMTP command pipelining")
    let bounce = "reject_multi_recipient_bounce"
    #expect(
      try await refusal(bounce, in: .data, at: .data) {
        $0.sender = .null
        $0.recipientCount = 2
      } == "550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce")
    #expect(
      try await refusal("reject", in: .endOfData, at: .endOfData)
        == "554 5.7.1 <END-OF-MESSAGE>: End-of-data rejected: Access denied")
    #expect(
      try await refusal("reject", in: .etrn, at: .etrn) { $0.etrnDomain = "x.test" }
        == "554 5.7.1 <x.test>: Etrn command rejected: Access denied")
  }

  @Test func everyVerbWorksInEveryLaterList() async throws {
    for name in [RestrictionList.Name.client, .helo, .sender, .recipient] {
      #expect(
        try await refusal("check_client_access static:REJECT", in: name)
          == "554 5.7.1 <unknown[192.0.2.55]>: Client host rejected: Access denied")
    }
    #expect(
      try await refusal("check_helo_access static:REJECT", in: .data, at: .data)
        == "554 5.7.1 <client.test>: Helo command rejected: Access denied")
    #expect(
      try await refusal("permit_inet_interfaces, reject") { $0.clientAddress = neighbour } == nil)
    #expect(try await refusal("permit_auth_destination, reject") == nil)
    #expect(
      try await refusal("permit_auth_destination, reject") {
        $0.recipient = MailAddress("a@vbox.test")
      } == nil)
  }

  @Test func doubtsTurnLaterDecisionsIntoDeferrals() async throws {
    #expect(
      try await refusal("defer_if_permit", in: .client)
        == "450 4.7.0 <unknown[192.0.2.55]>: Client host rejected: defer_if_permit requested")
    #expect(
      try await refusal("defer_if_permit, reject")
        == "554 5.7.1 <a@local.test>: Recipient address rejected: Access denied")
    #expect(
      try await refusal("defer_if_reject, reject")
        == "450 4.7.0 <a@local.test>: Recipient address rejected: defer_if_reject requested")
    #expect(
      try await refusal("defer_if_reject, defer")
        == "450 4.3.2 <a@local.test>: Recipient address rejected: Try again later")
    #expect(try await refusal("defer_if_reject") == nil)
    #expect(try await refusal("warn_if_reject defer_if_permit") == nil)
    #expect(
      try await refusal("warn_if_reject defer_if_reject, reject")
        == "450 4.7.0 <a@local.test>: Recipient address rejected: defer_if_reject requested")
  }

  /// A list that is empty, or of a command that did not come, changes nothing.
  @Test func aDeferralOutlivesListsThatAreNotAsked() async throws {
    let policy = try policy {
      $0.delaysReject = false
      $0.restrictions[.client] = ["defer_if_permit"]
    }
    #expect(!policy.judges(.helo) && !policy.judges(.mail))
    var history = AccessHistory()
    var request = AccessRequest(clientAddress: stranger)
    #expect(await policy.judge(.connect, request, &history).isPlain)
    request.sender = MailAddress("s@src.test")
    request.recipient = MailAddress("a@local.test")
    #expect(
      await policy.judge(.recipient, request, &history).refusal?.logText
        == "450 4.7.0 <unknown[192.0.2.55]>: Client host rejected: defer_if_permit requested")
  }

  @Test func stagesAreJudgedWhenTheyComeOrWithTheRecipient() async throws {
    let late = try policy { $0.restrictions[.client] = ["reject"] }
    #expect(!late.judges(.connect) && !late.judges(.helo) && !late.judges(.mail))
    let early = try policy {
      $0.delaysReject = false
      $0.restrictions[.client] = ["defer_if_permit"]
      $0.restrictions[.helo] = ["reject_non_fqdn_helo_hostname"]
      $0.restrictions[.sender] = ["permit"]
    }
    #expect(early.judges(.connect) && early.judges(.helo) && early.judges(.mail))
    var history = AccessHistory()
    var request = AccessRequest(clientAddress: stranger)
    #expect(await early.judge(.connect, request, &history).isPlain)
    request.helo = "client"
    #expect(await early.judge(.helo, request, &history).refusal != nil)
    request.helo = "client.test"
    #expect(await early.judge(.helo, request, &history).isPlain)
    request.sender = MailAddress("s@src.test")
    #expect(await early.judge(.mail, request, &history).isPlain)
    request.recipient = MailAddress("a@local.test")
    #expect(
      await early.judge(.recipient, request, &history).refusal?.logText
        == "450 4.7.0 <unknown[192.0.2.55]>: Client host rejected: defer_if_permit requested")
    request.recipient = MailAddress("a@other.test")
    #expect(
      await early.judge(.recipient, request, &history).refusal?.logText
        == "454 4.7.1 <a@other.test>: Relay access denied")
  }
}
