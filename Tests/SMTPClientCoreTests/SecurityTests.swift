import MailTypes
import SMTPClientCore
import Testing

/// STARTTLS as the client sees it (RFC 3207).
struct SecurityTests {
  private static let offer = "250-mx.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 SIZE 10"

  /// A dialogue up to the reply to the first EHLO.
  private func dialogue(
    _ demand: ClientSecurity.Demand, hello: String = offer
  ) -> (Dialogue, [String]) {
    var dialogue = Dialogue(transaction("a@t.test"), security: ClientSecurity(demand))
    _ = dialogue.step()
    _ = dialogue.step("220 mx.test ESMTP")
    let seen = dialogue.step(hello)
    return (dialogue, seen)
  }

  @Test(arguments: [ClientSecurity.Demand.optional, .mandatory])
  func whatWasOfferedBeforeTLSIsForgotten(demand: ClientSecurity.Demand) {
    var (dialogue, seen) = dialogue(demand)
    #expect(seen == ["C: STARTTLS", "await startTLS"])
    #expect(dialogue.step("220 2.0.0 Ready") == ["TLS"])
    dialogue.core.secured()
    #expect(dialogue.actions() == ["C: EHLO me.test", "await helo"])
    #expect(!dialogue.core.hasShakenHands)
    // Neither PIPELINING nor the limit of SIZE, and a second offer is not taken up.
    #expect(
      dialogue.step("250-mx.test\r\n250 STARTTLS") == [
        "C: MAIL FROM:<s@here.test>", "await mail",
      ])
    #expect(dialogue.core.isSecure && dialogue.core.hasShakenHands)
    #expect(!dialogue.core.leavesOffer)
  }

  /// CVE-2011-0411 the other way round: replies behind the 220, in the same packet or after it.
  @Test(arguments: [1, Int.max])
  func repliesFromBeforeTLSAreNotHeardBehindIt(chunkSize: Int) {
    var (dialogue, _) = dialogue(.mandatory)
    dialogue.chunkSize = chunkSize
    let injected = "220 go\r\n250-evil\r\n250-PIPELINING\r\n250 DSN\r\n250 ok\r\n2"
    #expect(dialogue.step(injected) == ["TLS"])
    dialogue.core.secured()
    #expect(dialogue.actions() == ["C: EHLO me.test", "await helo"])
    #expect(dialogue.step("250 mx.test") == ["C: MAIL FROM:<s@here.test>", "await mail"])
  }

  @Test func withoutDemandTheOfferIsOnlyNoted() {
    let (dialogue, seen) = dialogue(.none, hello: "250-mx.test\r\n250 STARTTLS")
    #expect(seen == ["C: MAIL FROM:<s@here.test>", "await mail"])
    #expect(dialogue.core.leavesOffer)
  }

  @Test func whereTLSIsOptionalMailGoesOutWithoutAnOffer() {
    let (_, seen) = dialogue(.optional, hello: plainHello)
    #expect(seen == ["C: MAIL FROM:<s@here.test>", "await mail"])
    var (refused, _) = dialogue(.optional, hello: "250-mx.test\r\n250 STARTTLS")
    #expect(refused.step("454 4.7.0 no") == ["C: MAIL FROM:<s@here.test>", "await mail"])
  }

  @Test func nothingGoesOutWithoutTheTLSThatIsDemanded() {
    let (_, seen) = dialogue(.mandatory, hello: plainHello)
    let wanted = [
      "done, connection failed",
      "0 deferred 4.7.4 (TLS is required, but was not offered by host mx.test[192.0.2.1])", "close",
    ]
    #expect(seen == wanted)
    var helo = Dialogue(transaction("a@t.test"), security: ClientSecurity(.mandatory))
    _ = helo.step()
    _ = helo.step("220 mx.test")
    _ = helo.step("502 no")
    #expect(helo.step("250 mx.test") == wanted)
  }

  @Test(arguments: [
    ("454 4.7.0 not now", "deferred 4.7.0"), ("501 5.5.4 what", "bounced 5.5.4"),
  ])
  func aRefusalOfTLSThatIsDemandedCounts(reply: String, fate: String) {
    var (dialogue, _) = dialogue(.mandatory)
    #expect(
      dialogue.step(reply) == [
        "done, connection failed",
        "0 \(fate) (TLS is required, but host mx.test[192.0.2.1] refused to start TLS: \(reply))",
        "close",
      ])
  }

  @Test func aHandshakeThatFails() {
    let failure = "0 deferred 4.7.5 (Cannot start TLS: handshake failure)"
    for (demand, mayGoWithout, wanted) in [
      (ClientSecurity.Demand.mandatory, true, ["done, connection failed", failure, "close"]),
      (.optional, false, ["done", failure, "close"]),
      (.optional, true, ["done, wants plaintext", "close"]),
    ] {
      var (dialogue, _) = dialogue(demand)
      #expect(dialogue.step("220 go") == ["TLS"])
      dialogue.core.handshakeFailed(mayGoWithout: mayGoWithout)
      #expect(dialogue.actions() == wanted)
    }
  }

  @Test func aServerThatIsNotProvenGetsTheGoodbyeAlone() {
    var (dialogue, _) = dialogue(.mandatory)
    _ = dialogue.step("220 go")
    dialogue.core.serverNotProven()
    #expect(
      dialogue.actions() == [
        "C: QUIT", "done, connection failed",
        "0 deferred 4.7.5 (Server certificate not verified)", "close",
      ])
  }

  @Test func inWrapperModeTheGreetingComesBehindTheHandshake() {
    var dialogue = Dialogue(
      transaction("a@t.test"), security: ClientSecurity(.mandatory, isWrapped: true))
    #expect(dialogue.step() == ["TLS"])
    dialogue.core.secured()
    #expect(dialogue.actions() == ["await greeting"])
    #expect(dialogue.step("220 mx.test ESMTP") == ["C: EHLO me.test", "await helo"])
    #expect(dialogue.step(Self.offer)[0] == "done, reusable")
  }

  @Test func aConnectionThatIsLostBeforeTheReplyToSTARTTLS() {
    var (dialogue, _) = dialogue(.optional)
    dialogue.core.connectionLost(.closed)
    let text = "lost connection with mx.test[192.0.2.1] while receiving the STARTTLS response"
    #expect(
      dialogue.actions() == ["done, connection failed", "0 deferred 4.4.2 (\(text))", "close"])
  }
}
