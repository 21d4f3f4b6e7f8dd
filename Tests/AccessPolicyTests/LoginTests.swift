import LookupTables
import MailTypes
import Primitives
import Testing

@testable import AccessPolicy

/// A site where addresses have owners.
private struct OwnedSite: SiteDirectory {
  private static let owners = [
    "alice@x.test": "alice", "both@x.test": "Alice,bob@example.org", "bob@x.test": "bob",
  ]

  func trusts(_ client: IPAddress) -> Bool { false }
  func isOwn(_ address: IPAddress) -> Bool { false }
  func isLocal(_ domain: String) -> Bool { false }
  func addressClass(of domain: String) -> DomainClass { .relay }
  func isAlias(_ address: MailAddress) -> Bool { false }
  func failure(of address: MailAddress) -> DeliveryFailure? { nil }
  func lists(_ address: MailAddress, of addressClass: DomainClass) -> Bool { true }

  func owners(of sender: MailAddress, isLocal: Bool) throws(AccessError) -> [UInt8]? {
    if sender.foldedDomain == "down.test" { throw .lookupFailed("the table is down") }
    return Self.owners[sender.description].map { Array($0.utf8) }
  }
}

@Suite struct LoginTests {
  private static func reply(
    _ word: String, _ sender: String, login: AccessLogin?, authenticates: Bool = true
  ) async throws -> String {
    let policy = try AccessPolicy(
      settings {
        $0.authenticates = authenticates
        $0.delaysReject = false
        $0.restrictions[.sender] = [word]
      }, site: OwnedSite(), pause: { _ in })
    var request = AccessRequest(clientAddress: stranger, sender: MailAddress(sender))
    request.login = login
    var history = AccessHistory()
    return await policy.judge(.mail, request, &history).refusal?.logText ?? "ok"
  }

  private static let senders = ["alice@x.test", "both@x.test", "bob@x.test", "other@x.test", ""]

  private static func refusal(_ sender: String, _ reason: String) -> String {
    "553 5.7.1 <\(sender)>: Sender address rejected: \(reason)"
  }

  /// Which of `senders` are refused, as Postfix does.
  @Test(arguments: [
    ("reject_sender_login_mismatch", [2, 3], [0, 1, 2]),
    ("reject_authenticated_sender_login_mismatch", [2, 3], []),
    ("reject_known_sender_login_mismatch", [2], [0, 1, 2]),
    ("reject_unauthenticated_sender_login_mismatch", [], [0, 1, 2]),
  ])
  func addressesAreForTheirOwners(word: String, ofAlice: [Int], ofOthers: [Int]) async throws {
    let alice = AccessLogin(mechanism: "PLAIN", user: "alice")
    for (index, sender) in Self.senders.enumerated() {
      let refused = Self.refusal(sender, "not owned by user alice")
      #expect(
        try await Self.reply(word, sender, login: alice)
          == (ofAlice.contains(index) ? refused : "ok"))
      #expect(
        try await Self.reply(word, sender, login: nil)
          == (ofOthers.contains(index) ? Self.refusal(sender, "not logged in") : "ok"))
      #expect(
        try await Self.reply(word, sender, login: nil, authenticates: false) == "ok")
    }
  }

  @Test func aTableThatDoesNotAnswerTurnsAway() async throws {
    #expect(
      try await Self.reply("reject_sender_login_mismatch", "a@down.test", login: nil)
        == "451 4.3.0 <a@down.test>: Temporary lookup failure")
  }

  @Test func whoLoggedInMayRelayButNotAnonymously() async throws {
    let policy = try policy {
      $0.restrictions[.relay] = words("permit_sasl_authenticated, reject_unauth_destination")
    }
    for (login, isRefused) in [
      (nil, true), (AccessLogin(mechanism: "PLAIN", user: "alice"), false),
      (AccessLogin(mechanism: "ANONYMOUS", user: "anonymous"), true),
    ] {
      var request = AccessRequest(
        clientAddress: stranger, sender: MailAddress("a@b.test"),
        recipient: MailAddress("c@elsewhere.test"))
      request.login = login
      var history = AccessHistory()
      let refusal = await policy.judge(.recipient, request, &history).refusal
      #expect((refusal != nil) == isRefused)
    }
  }

  @Test func whereNobodyCanLogInTheWordsAreSaidToBeIgnored() throws {
    let policy = try policy {
      $0.restrictions[.sender] = ["reject_sender_login_mismatch"]
      $0.restrictions[.relay] = ["reject"]
    }
    #expect(
      policy.warnings.map(\.description) == [
        "smtpd_sender_restrictions: reject_sender_login_mismatch is ignored: "
          + "smtpd_sasl_auth_enable is not set"
      ])
  }
}
