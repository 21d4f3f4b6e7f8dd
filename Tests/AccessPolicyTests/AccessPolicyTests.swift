import MailTypes
import Primitives
import Testing

@testable import AccessPolicy

@Suite struct AccessPolicyTests {
  private func refusal(
    relay: String, recipient: String = "", of address: String = "a@other.test",
    from client: IPAddress = stranger, site: TestSite = TestSite()
  ) async throws -> String? {
    let policy = try policy(site: site) {
      $0.restrictions[.relay] = words(relay)
      $0.restrictions[.recipient] = words(recipient)
    }
    return await policy.refusal(of: address, from: client)?.logText
  }

  @Test func restrictionsRefuseWithPostfixsReplies() async throws {
    #expect(
      try await refusal(relay: "reject_unauth_destination")
        == "554 5.7.1 <a@other.test>: Relay access denied")
    #expect(
      try await refusal(relay: "defer_unauth_destination")
        == "454 4.7.1 <a@other.test>: Relay access denied")
    #expect(
      try await refusal(relay: "permit_mynetworks, reject")
        == "554 5.7.1 <a@other.test>: Recipient address rejected: Access denied")
    #expect(
      try await refusal(relay: "permit_mynetworks, defer")
        == "450 4.3.2 <a@other.test>: Recipient address rejected: Try again later")
  }

  @Test func theFirstWordThatDecidesEndsItsListOnly() async throws {
    let relay = "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"
    #expect(try await refusal(relay: relay, from: neighbour) == nil)
    #expect(try await refusal(relay: relay, recipient: "reject", from: neighbour) != nil)
    #expect(try await refusal(relay: "PERMIT", recipient: "Reject") != nil)
    #expect(
      try await refusal(relay: relay, recipient: "permit, reject", of: "a@local.test") == nil)
  }

  @Test(arguments: ["postmaster", "PostMaster", "\"postmaster\""])
  func thePostmasterWithoutADomainPassesEveryList(_ address: String) async throws {
    #expect(try await refusal(relay: "reject", recipient: "defer", of: address) == nil)
    #expect(try await refusal(relay: "reject", of: address + "@other.test") != nil)
    #expect(try await refusal(relay: "reject", of: "postmasters") != nil)
  }

  @Test func anUnknownWordIsNamed() {
    #expect(
      throws: AccessError.unknownRestriction(parameter: "smtpd_relay_restrictions", word: "Foo")
    ) {
      try policy { $0.restrictions[.relay] = ["reject", "Foo"] }
    }
    #expect(
      throws: AccessError.unknownRestriction(parameter: "smtpd_data_restrictions", word: "x")
    ) {
      try policy { $0.restrictions[.data] = ["x"] }
    }
  }

  @Test(arguments: ["check_client_access", "check_client_access foo", "sleep", "sleep x"])
  func aWordWithoutWhatItNeedsIsNamed(_ list: String) throws {
    let word = try #require(words(list).first)
    do throws(AccessError) {
      _ = try policy { $0.restrictions[.client] = words(list) }
      Issue.record("accepted")
    } catch {
      guard case .badArgument("smtpd_client_restrictions", word, _) = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  /// Each row was refused by a running Postfix.
  @Test(arguments: [
    "", "permit", "permit_mynetworks", "permit, reject_unauth_destination", "defer_if_reject",
    "warn_if_reject reject_unauth_destination", "permit_mynetworks warn_if_reject defer",
    "check_client_access inline:{a=b}", "reject_unlisted_recipient", "permit_mynetworks, open",
    "loop", "reject_rbl_client list.test",
  ])
  func listsThatKeepNobodyOutAreNotAccepted(_ list: String) {
    #expect(throws: AccessError.opensRelay) {
      try policy {
        $0.restrictions[.relay] = words(list)
        $0.restrictions[.recipient] = words(list)
        $0.classes = ["open": ["permit"], "loop": ["loop"]]
      }
    }
  }

  @Test(arguments: ["shut", "defer_if_permit", "permit_mynetworks, check_relay_domains"])
  func listsThatKeepStrangersOutAreAccepted(_ list: String) throws {
    _ = try policy {
      $0.restrictions[.relay] = words(list)
      $0.classes = ["shut": ["reject"]]
    }
  }

  @Test func aCodeThatRefusesNothingIsNotAccepted() {
    #expect(throws: AccessError.badCode(parameter: "relay_domains_reject_code", value: 250)) {
      try policy { $0.codes.relayDomains = 250 }
    }
  }

  @Test func aTableThatDoesNotAnswerTurnsTheClientAwayForNow() async throws {
    let site = TestSite(tableIsDown: true)
    #expect(
      try await refusal(relay: "reject_unauth_destination", of: "\"a b\"@local.test", site: site)
        == "451 4.3.0 <a b@local.test>: Temporary lookup failure")
  }

  @Test func whatIsNotImplementedIsToldOfAndNeverPermits() async throws {
    let policy = try policy {
      $0.restrictions[.client] = words("reject_rbl_client list.test, permit_dnswl_client list.test")
      $0.restrictions[.relay] = words("permit_mx_backup, reject_unauth_destination")
    }
    let weakens = "it is not implemented yet; ignoring it may weaken the protection of this system"
    let isSafe = "it is not implemented yet; ignoring it is safe, since it permits nobody"
    let expected = [
      AccessWarning(
        parameter: "smtpd_client_restrictions",
        message: "reject_rbl_client list.test: \(weakens)"),
      AccessWarning(
        parameter: "smtpd_client_restrictions",
        message: "permit_dnswl_client list.test: \(isSafe)"),
      AccessWarning(
        parameter: "smtpd_relay_restrictions", message: "permit_mx_backup: \(isSafe)"),
    ]
    #expect(policy.warnings == expected)
    #expect(await policy.refusal(of: "a@other.test") != nil)
    #expect(await policy.refusal(of: "a@local.test") == nil)
  }

  private actor Pauses {
    private(set) var asked: [Duration] = []
    func note(_ duration: Duration) { asked.append(duration) }
  }

  @Test func sleepWaitsForItsSeconds() async throws {
    let pauses = Pauses()
    let policy = try policy({ $0.restrictions[.client] = ["sleep", "3"] }) {
      await pauses.note($0)
    }
    #expect(await policy.refusal(of: "a@local.test") == nil)
    #expect(await pauses.asked == [.seconds(3)])
  }
}
