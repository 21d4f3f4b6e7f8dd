import MailTypes
import Primitives
import TestSupport
import Testing

@testable import AccessPolicy

@Suite struct OpenRelayTests {
  /// Each row was played against a running Postfix with the same domains, from a stranger.
  static let passed = [
    "a@local.test", "a@LOCAL.TEST", "a@mx.example.test", "a@localhost", "a@[127.0.0.1]", "a",
    "postmaster", "a%local.test", "local.test!a", "a@relay.test", "a@sub.relay.test",
    "x@vbox.test", "ok@valias.test", "|cmd@local.test", "/etc/x@local.test",
    "\"a b\"@local.test", "\"a:b\"@local.test", "a%local.test@local.test",
    "local.test!a@local.test", "\"a@local.test\"@local.test", "a%relay.test@local.test",
  ]

  static let refused = [
    "a@other.test", "a%other.test@local.test", "other.test!a@local.test",
    "\"a@other.test\"@local.test", "\"a%other.test\"@local.test", "\"other.test!a\"@local.test",
    "a%local.test@other.test", "a%other.test", "other.test!a", "\"a@local.test\"@other.test",
    "a@[127.0.0.2]", "a@[IPv6:::1]", "\"a@other.test\"@[127.0.0.1]", "a%other.test@[127.0.0.1]",
    "a%other.test@relay.test", "\"a%other.test\"@relay.test", "\"a@other.test\"@relay.test",
    "other.test!a@relay.test", "a%b%c@relay.test", "a%b@vbox.test", "a%b@valias.test",
    "\"@other.test\"@local.test", "a%other.test%local.test",
    "a%other.test%local.test@local.test", "%other.test@local.test", "a!@local.test",
    "\"a\\\"@other.test\"@local.test", "\"a@other.test@local.test\"@local.test",
    "other.test!x%other.test@local.test", "a%local.test@relay.test",
    "other.test!local.test!a@local.test", "a%other.test%local.test@[127.0.0.1]",
    "\"a%other.test%local.test\"@local.test", "\"b c%other.test\"@local.test",
    "\"a@other.test\"@mx.example.test", "a%other.test@localhost", "a@local.test.other.test",
    "a@otherlocal.test", "\"a@[192.0.2.1]\"@local.test", "a@[192.0.2.1]",
    "a%[192.0.2.1]@local.test", "a@notrelay.test", "\"other.test!a%local.test\"@local.test",
  ]

  @Test(arguments: passed)
  func strangersReachOurDomains(_ recipient: String) async throws {
    let policy = try policy()
    #expect(await policy.refusal(of: recipient) == nil)
  }

  @Test(arguments: refused)
  func strangersReachNothingElse(_ recipient: String) async throws {
    let policy = try policy()
    let text = String(decoding: MailAddress(recipient).unquoted, as: UTF8.self)
    #expect(
      await policy.refusal(of: recipient)
        == SMTPReply(454, EnhancedStatus(4, 7, 1), "<\(text)>: Relay access denied"))
  }

  /// Lists that keep strangers out, whatever else they hold.
  private static let safeLists: [(relay: String, recipient: String)] = [
    ("permit_mynetworks, reject_unauth_destination", ""),
    ("permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination", "permit"),
    ("", "permit_mynetworks, reject_unauth_destination, check_recipient_access static:OK"),
    ("reject_unauth_destination", "check_sender_access static:OK, permit"),
    (
      "permit_tls_clientcerts, permit_mx_backup, reject_unauth_destination", "permit_dnswl_client x"
    ),
    ("permit_auth_destination, reject", "check_client_access static:OK"),
    ("warn_if_reject reject, reject_unauth_destination", "defer_if_permit, permit"),
    ("check_client_access inline:{192.0.2=DUNNO}, check_relay_domains", "static:OK"),
    ("door", "static:OK"), ("defer_if_reject, reject_unauth_destination", "permit_inet_interfaces"),
    ("check_recipient_access regexp:{ {/@(local|relay)\\.test$/ OK} }, reject", "permit"),
  ]

  @Test(arguments: safeLists.indices, [true, false])
  func noConfigurationThatKeepsStrangersOutOpensAHole(
    _ index: Int, relayComesFirst: Bool
  ) async throws {
    let lists = Self.safeLists[index]
    for delays in [true, false] {
      let policy = try policy {
        $0.restrictions = [.relay: words(lists.relay), .recipient: words(lists.recipient)]
        $0.restrictions[.client] = words("check_client_access static:OK")
        $0.restrictions[.helo] = words("check_helo_access static:OK, permit")
        $0.restrictions[.sender] = words("permit")
        $0.classes = [
          "door": ["inner"], "inner": words("permit_mynetworks, reject_unauth_destination"),
        ]
        $0.relayBeforeRecipient = relayComesFirst
        $0.delaysReject = delays
      }
      for recipient in Self.refused {
        #expect(await policy.refusal(of: recipient) != nil, "\(lists) \(recipient)")
      }
    }
  }

  @Test(arguments: refused)
  func routesThatAreLeftOverMayOnlyPassWhereThatIsAllowed(_ recipient: String) async throws {
    let policy = try policy { $0.allowsUntrustedRouting = true }
    let ours = ["relay.test", "vbox.test", "valias.test"]
    let refusal = await policy.refusal(of: recipient)
    #expect((refusal == nil) == ours.contains(MailAddress(recipient).foldedDomain))
  }

  @Test(arguments: passed + refused)
  func neighboursMayRelayAnywhere(_ recipient: String) async throws {
    let policy = try policy()
    #expect(await policy.refusal(of: recipient, from: neighbour) == nil)
  }

  @Test(arguments: ["a%@local.test", "!a@local.test", "a%-x@local.test"])
  func addressesThatLeadNowhereAreRefused(_ recipient: String) async throws {
    let policy = try policy()
    #expect(
      await policy.refusal(of: recipient)
        == SMTPReply(501, EnhancedStatus(5, 1, 3), "Bad recipient address syntax"))
  }

  @Test func aMappedAddressIsNotAnotherAddress() async throws {
    let policy = try policy()
    let mapped = IPAddress("::ffff:192.0.2.55")!
    #expect(await policy.refusal(of: "a@other.test", from: mapped) != nil)
  }

  /// Whatever a stranger writes, what passes ends at a domain of ours with no route left.
  @Test func noRandomRecipientOpensAHole() async throws {
    let policy = try policy()
    let resolver = AddressResolver(myhostname: "mx.example.test")
    let pieces = [
      "a", "b", "@", "%", "!", "\"", "\\", ".", "local.test", "other.test", "relay.test",
      "[127.0.0.1]", "[192.0.2.1]", "vbox.test", ":", ",", " ",
    ]
    var random = SplitMix64(seed: 4)
    for _ in 0..<5000 {
      let text = (0..<Int.random(in: 1...7, using: &random)).map { _ in
        pieces.randomElement(using: &random)!
      }.joined()
      guard await policy.refusal(of: text) == nil else { continue }
      let end = resolver.resolve(MailAddress(text)) { (try? TestSite().isLocal($0)) == true }
      let ours = end.isLocal || ["relay.test", "vbox.test"].contains(end.domain)
      #expect(ours && !end.isRouted && !end.isMalformed, "\(text)")
    }
  }
}
