import MailTypes
import SMTPClientCore
import Testing

/// LMTP (RFC 2033): the same dialogue but for LHLO and the replies to the content.
@Suite struct LMTPTests {
  private static let hello = "250-mx.test\r\n250 PIPELINING"

  private func dialogue(_ recipients: String..., hello: String = hello) -> Dialogue {
    let mail = OutboundTransaction(
      sender: MailAddress("s@here.test"),
      recipients: recipients.map { OutboundRecipient(MailAddress($0)) }, size: 9)
    var dialogue = Dialogue(mail) { $0.speaksLMTP = true }
    #expect(dialogue.step() == ["await greeting"])
    #expect(dialogue.step("220 mx.test LMTP") == ["C: LHLO me.test", "await helo"])
    dialogue.receive(hello + "\r\n")
    return dialogue
  }

  @Test func eachRecipientHasItsReply() {
    var dialogue = dialogue("a@b.test", "c@b.test", "d@b.test")
    _ = dialogue.actions()
    let envelope = "250 ok\r\n250 ok\r\n550 5.1.1 no c\r\n250 ok"
    #expect(dialogue.step(envelope) == ["await dataInit"])
    #expect(dialogue.step("354 go") == ["content"])
    dialogue.core.contentSent()
    #expect(dialogue.step("250 2.1.5 a has it") == ["await dataDone"])
    #expect(
      dialogue.step("452 4.2.2 d is full") == [
        "done, reusable", "0 sent 2.1.5 (250 2.1.5 a has it)",
        "1 bounced 5.1.1 (host mx.test[192.0.2.1] said: 550 5.1.1 no c "
          + "(in reply to RCPT TO command))",
        "2 deferred 4.2.2 (host mx.test[192.0.2.1] said: 452 4.2.2 d is full "
          + "(in reply to end of DATA command))", "ready",
      ])
  }

  @Test func theRepliesMayComeInOnePacket() {
    var dialogue = dialogue("a@b.test", "c@b.test")
    _ = dialogue.actions()
    #expect(dialogue.step("250 ok\r\n250 ok\r\n250 ok\r\n354 go") == ["content"])
    dialogue.core.contentSent()
    #expect(
      dialogue.step("250 one\r\n250 two") == [
        "done, reusable", "0 sent 2.0.0 (250 one)", "1 sent 2.0.0 (250 two)", "ready",
      ])
  }

  @Test func aReplyTooManyEndsTheConnection() {
    var dialogue = dialogue("a@b.test")
    _ = dialogue.actions()
    _ = dialogue.step("250 ok\r\n250 ok\r\n354 go")
    dialogue.core.contentSent()
    #expect(
      dialogue.step("250 one\r\n250 two") == ["done, reusable", "0 sent 2.0.0 (250 one)", "close"])
  }

  @Test func aLossKeepsTheRepliesThatCame() {
    var dialogue = dialogue("a@b.test", "c@b.test")
    _ = dialogue.actions()
    _ = dialogue.step("250 ok\r\n250 ok\r\n250 ok\r\n354 go")
    dialogue.core.contentSent()
    #expect(dialogue.step("250 one") == ["await dataDone"])
    dialogue.core.connectionLost(.closed)
    #expect(
      dialogue.actions() == [
        "done", "0 sent 2.0.0 (250 one)",
        "1 deferred 4.4.2 (lost connection with mx.test[192.0.2.1] while sending end of data "
          + "-- message may be sent more than once)", "close",
      ])
  }

  @Test func aServerThatLeavesKeepsTheRepliesThatCame() {
    var dialogue = dialogue("a@b.test", "c@b.test")
    _ = dialogue.actions()
    _ = dialogue.step("250 ok\r\n250 ok\r\n250 ok\r\n354 go")
    dialogue.core.contentSent()
    #expect(
      dialogue.step("250 one\r\n421 4.3.0 bye") == [
        "done", "0 sent 2.0.0 (250 one)",
        "1 deferred 4.3.0 (host mx.test[192.0.2.1] said: 421 4.3.0 bye "
          + "(in reply to end of DATA command))", "close",
      ])
  }

  @Test func noDotGoesToAServerWithoutRecipients() {
    var dialogue = dialogue("a@b.test")
    _ = dialogue.actions()
    #expect(
      dialogue.step("250 ok\r\n550 5.1.1 no\r\n354 go") == [
        "done",
        "0 bounced 5.1.1 (host mx.test[192.0.2.1] said: 550 5.1.1 no "
          + "(in reply to RCPT TO command))", "close",
      ])
  }

  @Test func aRefusedLHLOIsNotAskedAsHELO() {
    var dialogue = dialogue("a@b.test", hello: "500 5.5.1 what")
    #expect(
      dialogue.actions() == [
        "done, connection failed",
        "0 bounced 5.5.1 (host mx.test[192.0.2.1] refused to talk to me: 500 5.5.1 what)", "close",
      ])
  }

  @Test func aSocketIsNamedByItsPath() {
    let socket = PeerName(
      host: "me.test", address: "private/mda", port: 0, destination: "unix:private/mda",
      detectsLoop: false)
    var settings = SMTPClientSettings(myhostname: "me.test")
    settings.speaksLMTP = true
    var core = SMTPClientCore(settings: settings, peer: socket)
    core.begin(transaction("a@b.test"))
    core.connectFailed(reason: "No such file or directory")
    guard case .transactionDone(let end) = core.nextAction() else {
      Issue.record("the transaction has not ended")
      return
    }
    #expect(
      end.results.map(Dialogue.describe) == [
        "0 deferred 4.4.1 (connect to me.test[private/mda]: No such file or directory)"
      ])
    #expect(String(decoding: socket.relay, as: UTF8.self) == "me.test[private/mda]")
  }
}
