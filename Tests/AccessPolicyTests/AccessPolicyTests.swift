import MailTypes
import Primitives
import Testing

@testable import AccessPolicy

@Suite struct AccessPolicyTests {
  private func refusal(
    relay: [String], recipient: [String] = [], of address: String = "a@other.test",
    from client: IPAddress = stranger, site: TestSite = TestSite()
  ) async throws -> String? {
    let policy = try AccessPolicy(
      settings {
        $0.relayRestrictions = relay
        $0.recipientRestrictions = recipient
      }, site: site)
    return await policy.refusal(of: request(address, from: client))?.logText
  }

  @Test func restrictionsRefuseWithPostfixsReplies() async throws {
    #expect(
      try await refusal(relay: ["reject_unauth_destination"])
        == "554 5.7.1 <a@other.test>: Relay access denied")
    #expect(
      try await refusal(relay: ["defer_unauth_destination"])
        == "454 4.7.1 <a@other.test>: Relay access denied")
    #expect(
      try await refusal(relay: ["permit_mynetworks", "reject"])
        == "554 5.7.1 <a@other.test>: Recipient address rejected: Access denied")
    #expect(
      try await refusal(relay: ["permit_mynetworks", "defer"])
        == "450 4.3.2 <a@other.test>: Recipient address rejected: Try again later")
  }

  @Test func theFirstWordThatDecidesEndsItsListOnly() async throws {
    let relay = ["permit_mynetworks", "permit_sasl_authenticated", "reject_unauth_destination"]
    #expect(try await refusal(relay: relay, from: neighbour) == nil)
    #expect(try await refusal(relay: relay, recipient: ["reject"], from: neighbour) != nil)
    #expect(try await refusal(relay: ["permit", "reject"]) == nil)
    #expect(try await refusal(relay: ["PERMIT"], recipient: ["Reject"]) != nil)
    #expect(
      try await refusal(relay: relay, recipient: ["permit", "reject"], of: "a@local.test") == nil)
  }

  @Test(arguments: ["postmaster", "PostMaster", "\"postmaster\""])
  func thePostmasterWithoutADomainPassesEveryList(_ address: String) async throws {
    #expect(try await refusal(relay: ["reject"], recipient: ["defer"], of: address) == nil)
    #expect(try await refusal(relay: ["reject"], of: address + "@other.test") != nil)
    #expect(try await refusal(relay: ["reject"], of: "postmasters") != nil)
  }

  @Test func anUnknownWordIsNamed() {
    #expect(
      throws: AccessError.unknownRestriction(parameter: "smtpd_relay_restrictions", word: "Foo")
    ) {
      try AccessPolicy(settings { $0.relayRestrictions = ["reject", "Foo"] }, site: TestSite())
    }
    #expect(
      throws: AccessError.unknownRestriction(parameter: "smtpd_recipient_restrictions", word: "x")
    ) {
      try AccessPolicy(settings { $0.recipientRestrictions = ["x"] }, site: TestSite())
    }
  }

  @Test(arguments: [[], ["permit"], ["permit_mynetworks"]])
  func listsThatKeepNobodyOutAreNotAccepted(_ words: [String]) {
    #expect(throws: AccessError.opensRelay) {
      try AccessPolicy(
        settings {
          $0.relayRestrictions = words
          $0.recipientRestrictions = words
        }, site: TestSite())
    }
  }

  @Test func aCodeThatRefusesNothingIsNotAccepted() {
    #expect(throws: AccessError.badCode(parameter: "relay_domains_reject_code", value: 250)) {
      try AccessPolicy(settings { $0.relayDomainsRejectCode = 250 }, site: TestSite())
    }
  }

  @Test func aTableThatDoesNotAnswerTurnsTheClientAwayForNow() async throws {
    let site = TestSite(tableIsDown: true)
    #expect(
      try await refusal(relay: ["reject_unauth_destination"], of: "\"a b\"@local.test", site: site)
        == "451 4.3.0 <a b@local.test>: Temporary lookup failure")
  }
}
