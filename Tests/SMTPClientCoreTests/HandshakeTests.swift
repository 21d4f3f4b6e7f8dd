import MailTypes
import SMTPClientCore
import Testing

struct HandshakeTests {
  @Test func fallsBackToHELO() {
    var dialogue = Dialogue(transaction("a@t.test"))
    _ = dialogue.step()
    _ = dialogue.step("220 mx.test")
    #expect(dialogue.step("502 no") == ["C: HELO me.test", "await helo"])
    #expect(dialogue.step("250 mx.test") == ["C: MAIL FROM:<s@here.test>", "await mail"])
  }

  @Test func helloFollowsTheSettingsAndTheGreeting() {
    var never = Dialogue { $0.neverSendEHLO = true }
    _ = never.step()
    #expect(never.step("220 x ESMTP")[0] == "C: HELO me.test")
    var offered = Dialogue {
      $0.alwaysSendEHLO = false
      $0.heloName = "other.test"
    }
    _ = offered.step()
    #expect(offered.step("220 x esmtp y")[0] == "C: EHLO other.test")
    var notOffered = Dialogue { $0.alwaysSendEHLO = false }
    _ = notOffered.step()
    #expect(notOffered.step("220 x SMTP")[0] == "C: HELO me.test")
  }

  @Test(arguments: [
    ("421 4.3.2 full", true, "deferred 4.3.2 (host mx.test[192.0.2.1] refused to talk to me: "),
    ("554 5.7.1 no", true, "deferred 4.7.1 (host mx.test[192.0.2.1] refused to talk to me: "),
    ("554 5.7.1 no", false, "bounced 5.7.1 (host mx.test[192.0.2.1] refused to talk to me: "),
  ])
  func aRefusingGreetingFailsTheConnection(reply: String, skip: Bool, expected: String) {
    var dialogue = Dialogue(transaction("a@t.test")) { $0.skip5xxGreeting = skip }
    _ = dialogue.step()
    #expect(
      dialogue.step(reply) == [
        "done, connection failed", "0 \(expected)\(reply))", "close",
      ])
  }

  @Test func aRefusedHelloFailsTheConnection() {
    var hello = Dialogue(transaction("a@t.test"))
    _ = hello.step()
    _ = hello.step("220 x")
    #expect(
      hello.step("421 4.7.0 bye") == [
        "done, connection failed",
        "0 deferred 4.7.0 (host mx.test[192.0.2.1] refused to talk to me: 421 4.7.0 bye)", "close",
      ])
    var helo = Dialogue(transaction("a@t.test"))
    _ = helo.step()
    _ = helo.step("220 x")
    _ = helo.step("500 what")
    #expect(
      helo.step("550 no") == [
        "done, connection failed",
        "0 bounced 5.0.0 (host mx.test[192.0.2.1] refused to talk to me: 550 no)", "close",
      ])
  }

  @Test func aServerWithOurNameIsALoop() {
    var dialogue = Dialogue(transaction("a@t.test"))
    _ = dialogue.step()
    _ = dialogue.step("220 x")
    #expect(
      dialogue.step("250-ME.test hello\r\n250 SIZE") == [
        "done, connection failed",
        "0 bounced 5.4.6 (mail for there.test loops back to myself)", "close",
      ])
    let filter = PeerName(
      host: "127.0.0.1", address: "127.0.0.1", port: 10_025, destination: "x", detectsLoop: false)
    var allowed = Dialogue(transaction("a@t.test"), peer: filter)
    _ = allowed.step()
    _ = allowed.step("220 x")
    #expect(allowed.step("250 me.test")[0] == "C: MAIL FROM:<s@here.test>")
  }

  @Test func aFailedConnectIsNamedAsTheLogNamesIt() {
    var core = SMTPClientCore(settings: SMTPClientSettings(myhostname: "me.test"), peer: peer)
    core.begin(transaction("a@t.test"))
    core.connectFailed(reason: "Connection refused")
    guard case .transactionDone(let end) = core.nextAction() else {
      Issue.record("the transaction has not ended")
      return
    }
    #expect(Dialogue.describe(end) == "done, connection failed")
    #expect(
      end.results.map(Dialogue.describe)
        == ["0 deferred 4.4.1 (connect to mx.test[192.0.2.1]:25: Connection refused)"])
    #expect(core.nextAction() == .close)
  }

  @Test func anIdleConnectionThatSpeaksOrGoesIsClosed() {
    var spoken = Dialogue(hello: plainHello)
    #expect(spoken.step("421 idle") == ["close"])
    var gone = Dialogue(hello: plainHello)
    gone.core.connectionLost(.closed)
    #expect(gone.step() == ["close"])
  }

  @Test func quitCanWaitForItsReply() {
    var dialogue = Dialogue { $0.skipQuitResponse = false }
    _ = dialogue.step()
    _ = dialogue.step("220 x")
    _ = dialogue.step(plainHello)
    dialogue.core.quit()
    #expect(dialogue.step() == ["C: QUIT", "await quit"])
    #expect(dialogue.step("221 bye") == ["close"])
  }
}
