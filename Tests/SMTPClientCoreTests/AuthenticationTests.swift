import MailTypes
import SASL
import SMTPClientCore
import Testing

/// AUTH as the client speaks it (RFC 4954).
struct AuthenticationTests {
  private static let mail = ["C: MAIL FROM:<s@here.test>", "await mail"]
  private static let plain = "AHUAcA=="

  /// A dialogue up to the reply to the first EHLO, as user `u` with the password `p`.
  private func dialogue(
    _ hello: String, options: [String] = [], underTLS: [String] = [], forVerified: [String] = [],
    mechanisms: Set<String> = ["CRAM-MD5", "PLAIN", "LOGIN"], isSoft: Bool = true,
    demand: ClientSecurity.Demand = .none, discarded: Set<String> = []
  ) throws -> (Dialogue, [String]) {
    let authentication = try Dialogue.authentication(
      options, underTLS: underTLS, forVerified: forVerified, mechanisms: mechanisms, isSoft: isSoft)
    var dialogue = Dialogue(
      transaction("a@t.test"), security: ClientSecurity(demand), authentication: authentication
    ) { $0.discardedKeywords = discarded }
    _ = dialogue.step()
    _ = dialogue.step("220 mx.test ESMTP")
    let seen = dialogue.step(hello)
    return (dialogue, seen)
  }

  private func offer(_ words: String) -> String { "250-mx.test\r\n250 AUTH\(words)" }

  @Test(arguments: [" PLAIN LOGIN", " login plain", "=PLAIN", "\tX PLAIN"])
  func plainComesBeforeMAIL(words: String) throws {
    var (dialogue, seen) = try dialogue(offer(words))
    #expect(seen == ["C: AUTH PLAIN \(Self.plain)", "await helo"])
    #expect(!dialogue.core.hasShakenHands)
    #expect(dialogue.step("235 2.7.0 ok") == Self.mail)
    #expect(dialogue.core.hasShakenHands)
  }

  @Test func loginIsAskedTwice() throws {
    var (dialogue, seen) = try dialogue(offer(" LOGIN"))
    #expect(seen == ["C: AUTH LOGIN", "await helo"])
    #expect(dialogue.step("334 VXNlcm5hbWU6") == ["C: dQ==", "await helo"])
    #expect(dialogue.step("334 UGFzc3dvcmQ6") == ["C: cA==", "await helo"])
    #expect(dialogue.step("235 2.7.0 ok") == Self.mail)
  }

  @Test func cramIsPreferred() throws {
    var (dialogue, seen) = try dialogue(
      offer(" PLAIN LOGIN CRAM-MD5"), options: ["noplaintext", "noanonymous"])
    #expect(seen == ["C: AUTH CRAM-MD5", "await helo"])
    #expect(dialogue.step("334 PHg+") == ["C: dSA3MA==", "await helo"])
    #expect(dialogue.step("235 2.7.0 ok") == Self.mail)
  }

  @Test(arguments: ["250-mx.test\r\n250 AUTHX PLAIN", "250 mx.test", "250-mx.test\r\n250 X AUTH"])
  func whoOffersNoAUTHIsSpokenToLikeAStranger(hello: String) throws {
    #expect(try dialogue(hello).1 == Self.mail)
    #expect(try dialogue(offer(" PLAIN"), discarded: ["auth"]).1 == Self.mail)
  }

  @Test func passwordsAreNotSentWhereTheOptionsForbidIt() throws {
    let (_, seen) = try dialogue(offer(" PLAIN LOGIN"), options: ["noplaintext"])
    #expect(
      seen == [
        "C: QUIT", "done, connection failed",
        "0 deferred 4.7.0 (SASL authentication failed; cannot authenticate to server "
          + "mx.test[192.0.2.1]: no mechanism available)", "close",
      ])
  }

  @Test(arguments: [" SCRAM-SHA-1", "", " PLAIN"])
  func mechanismsThatTheFilterHidesAreNotThere(words: String) throws {
    let (_, seen) = try dialogue(offer(words), mechanisms: ["LOGIN"])
    #expect(
      seen == [
        "C: QUIT", "done, connection failed",
        "0 deferred 4.7.0 (SASL authentication failed: server mx.test[192.0.2.1] offered no "
          + "compatible authentication mechanisms for this type of connection security)", "close",
      ])
  }

  @Test(arguments: [
    (true, "535 5.7.8 no", "deferred 4.7.8"), (false, "535 5.7.8 no", "bounced 5.7.8"),
    (false, "454 4.7.0 no", "deferred 4.7.0"), (true, "535 no", "deferred 4.0.0"),
  ])
  func aRefusalIsForNowUnlessItMayBeForGood(soft: Bool, reply: String, fate: String) throws {
    var (dialogue, _) = try dialogue(offer(" PLAIN"), isSoft: soft)
    #expect(
      dialogue.step(reply) == [
        "C: QUIT", "done, connection failed",
        "0 \(fate) (SASL authentication failed; server mx.test[192.0.2.1] said: \(reply))",
        "close",
      ])
  }

  @Test func a421EndsTheConnection() throws {
    var (dialogue, _) = try dialogue(offer(" PLAIN"))
    #expect(
      dialogue.step("421 4.3.0 bye") == [
        "done, connection failed",
        "0 deferred 4.3.0 (SASL authentication failed; server mx.test[192.0.2.1] said: "
          + "421 4.3.0 bye)", "close",
      ])
  }

  @Test(arguments: [" PLAIN", " CRAM-MD5"]) func aChallengeOutOfPlaceEndsIt(words: String) throws {
    var (dialogue, _) = try dialogue(offer(words))
    #expect(
      dialogue.step("334 !!") == [
        "done, connection failed",
        "0 deferred 4.7.0 (SASL authentication failed; cannot authenticate to server "
          + "mx.test[192.0.2.1]: bad protocol / cancel)", "close",
      ])
  }

  @Test func aServerCannotAskForEver() throws {
    var (dialogue, _) = try dialogue(offer(" LOGIN"))
    _ = dialogue.step("334 ")
    _ = dialogue.step("334 ")
    #expect(dialogue.step("334 ").last == "close")
  }

  @Test func aConnectionThatIsLostMeanwhile() throws {
    var (dialogue, _) = try dialogue(offer(" PLAIN"))
    dialogue.core.connectionLost(.timedOut)
    #expect(
      dialogue.actions() == [
        "done, connection failed",
        "0 deferred 4.4.2 (conversation with mx.test[192.0.2.1] timed out while performing the "
          + "EHLO handshake)", "close",
      ])
  }

  /// What was offered before TLS counts no more, and each security has options of its own.
  @Test(arguments: [false, true]) func underTLSOtherOptionsHold(isProven: Bool) throws {
    for forbids in [false, true] {
      var (dialogue, seen) = try dialogue(
        "250-mx.test\r\n250-AUTH CRAM-MD5\r\n250 STARTTLS", options: ["noplaintext"],
        underTLS: isProven || forbids ? ["noplaintext"] : [],
        forVerified: !isProven || forbids ? ["noplaintext"] : [], demand: .mandatory)
      #expect(seen == ["C: STARTTLS", "await startTLS"])
      #expect(dialogue.step("220 go") == ["TLS"])
      dialogue.core.secured(isProven: isProven)
      _ = dialogue.actions()
      let next = dialogue.step(offer(" PLAIN"))
      #expect(next.first == (forbids ? "C: QUIT" : "C: AUTH PLAIN \(Self.plain)"))
    }
  }

  @Test func anOfferFromBeforeTLSIsForgotten() throws {
    var (dialogue, _) = try dialogue(
      "250-mx.test\r\n250-AUTH PLAIN\r\n250 STARTTLS", demand: .optional)
    _ = dialogue.step("220 go")
    dialogue.core.secured()
    _ = dialogue.actions()
    #expect(dialogue.step("250 mx.test") == Self.mail)
  }

  /// Whoever can break the handshake would be told the password on the next connection.
  @Test func whoLogsInDoesNotGiveUpTLSThatWasAgreedOn() throws {
    var (dialogue, seen) = try dialogue("250-mx.test\r\n250 STARTTLS", demand: .optional)
    #expect(seen == ["C: STARTTLS", "await startTLS"])
    #expect(dialogue.step("220 go") == ["TLS"])
    dialogue.core.handshakeFailed(mayGoWithout: true)
    #expect(
      dialogue.actions() == [
        "done", "0 deferred 4.7.5 (Cannot start TLS: handshake failure)", "close",
      ])
  }

  @Test func nothingIsSaidWithoutTheTLSThatIsDemanded() throws {
    let (_, seen) = try dialogue(offer(" PLAIN"), demand: .mandatory)
    #expect(seen.last == "close" && !seen.contains { $0.contains("AUTH") })
  }
}
