import MailTypes
import SMTPClientCore
import Testing

struct TransactionTests {
  @Test func sendsTheEnvelopeAheadWithPipelining() {
    var dialogue = Dialogue(transaction("a@there.test", "b@there.test"))
    #expect(dialogue.step() == ["await greeting"])
    #expect(dialogue.step("220 mx.test ESMTP") == ["C: EHLO me.test", "await helo"])
    #expect(
      dialogue.step("250-mx.test\r\n250-PIPELINING\r\n250 SIZE 2000") == [
        "C: MAIL FROM:<s@here.test> SIZE=1000 | RCPT TO:<a@there.test> | RCPT TO:<b@there.test>"
          + " | DATA", "await mail",
      ])
    #expect(dialogue.step("250 ok") == ["await rcpt"])
    #expect(dialogue.step("250 ok\r\n250 ok") == ["await dataInit"])
    #expect(dialogue.step("354 go") == ["content"])
    dialogue.core.contentSent()
    #expect(dialogue.step() == ["await dataDone"])
    #expect(
      dialogue.step("250 2.0.0 Ok: queued as X") == [
        "done, reusable", "0 sent 2.0.0 (250 2.0.0 Ok: queued as X)",
        "1 sent 2.0.0 (250 2.0.0 Ok: queued as X)", "ready",
      ])
    dialogue.core.quit()
    #expect(dialogue.step() == ["C: QUIT", "close"])
  }

  @Test func sendsOneCommandAtATimeWithoutPipelining() {
    var dialogue = Dialogue(hello: plainHello, transaction("a@there.test", "b@there.test"))
    #expect(dialogue.step() == ["C: MAIL FROM:<s@here.test>", "await mail"])
    #expect(dialogue.step("250 ok") == ["C: RCPT TO:<a@there.test>", "await rcpt"])
    #expect(dialogue.step("250 ok") == ["C: RCPT TO:<b@there.test>", "await rcpt"])
    #expect(dialogue.step("250 ok") == ["C: DATA", "await dataInit"])
    #expect(dialogue.step("354 go") == ["content"])
    dialogue.core.contentSent()
    #expect(dialogue.step() == ["await dataDone"])
    #expect(dialogue.step("250 ok").first == "done, reusable")
  }

  @Test(arguments: [plainHello, pipeliningHello])
  func judgesEachRecipient(hello: String) {
    var dialogue = Dialogue(hello: hello, transaction("a@t.test", "b@t.test", "c@t.test"))
    _ = dialogue.step()
    for reply in ["250 ok", "550 5.1.1 <a>: no", "250 ok", "450 4.2.1-odd busy", "354 go"] {
      dialogue.receive(reply + "\r\n")
      _ = hello == plainHello ? dialogue.actions() : []
    }
    dialogue.core.contentSent()
    #expect(
      dialogue.step("250 2.6.0 ok") == [
        "done, reusable",
        "0 bounced 5.1.1 (host mx.test[192.0.2.1] said: 550 5.1.1 <a>: no"
          + " (in reply to RCPT TO command))",
        "1 sent 2.6.0 (250 2.6.0 ok)",
        "2 deferred 4.0.0 (host mx.test[192.0.2.1] said: 450 4.2.1-odd busy"
          + " (in reply to RCPT TO command))", "ready",
      ])
  }

  @Test func aRefusedSenderFailsAllRecipients() {
    var dialogue = Dialogue(hello: plainHello, transaction("a@t.test", "b@t.test"))
    _ = dialogue.step()
    let reason =
      "bounced 5.7.1 (host mx.test[192.0.2.1] said: 550-5.7.1 go 550 5.7.1 away"
      + " (in reply to MAIL FROM command))"
    #expect(
      dialogue.step("550-5.7.1 go\r\n550 5.7.1 away") == [
        "done, reusable", "0 " + reason, "1 " + reason, "ready",
      ])
    dialogue.core.begin(transaction("c@t.test"))
    #expect(dialogue.step() == ["C: RSET", "await reset"])
    #expect(dialogue.step("250 ok") == ["C: MAIL FROM:<s@here.test>", "await mail"])
  }

  @Test func aRefusedSenderAheadOfDataEndsWithALoneDot() {
    var dialogue = Dialogue(hello: pipeliningHello, transaction("a@t.test"))
    _ = dialogue.step()
    #expect(dialogue.step("450 4.1.8 later") == ["await rcpt"])
    #expect(dialogue.step("503 no") == ["await dataInit"])
    #expect(dialogue.step("354 go") == ["C: .", "await dataDone"])
    #expect(
      dialogue.step("250 taken") == [
        "done, reusable",
        "0 deferred 4.1.8 (host mx.test[192.0.2.1] said: 450 4.1.8 later"
          + " (in reply to MAIL FROM command))", "ready",
      ])
  }

  @Test func noAcceptedRecipientEndsWithoutContent() {
    var one = Dialogue(hello: plainHello, transaction("a@t.test"))
    _ = one.step()
    _ = one.step("250 ok")
    #expect(one.step("550 no")[0] == "done, reusable")
    var ahead = Dialogue(hello: pipeliningHello, transaction("a@t.test"))
    _ = ahead.step()
    _ = ahead.step("250 ok")
    #expect(ahead.step("550 no") == ["await dataInit"])
    #expect(
      ahead.step("554 5.5.1 no valid recipients") == [
        "done, reusable",
        "0 bounced 5.0.0 (host mx.test[192.0.2.1] said: 550 no (in reply to RCPT TO command))",
        "ready",
      ])
  }

  @Test func refusedDataFailsTheAcceptedRecipients() {
    var dialogue = Dialogue(hello: pipeliningHello, transaction("a@t.test", "b@t.test"))
    _ = dialogue.step()
    _ = dialogue.step("250 ok\r\n550 5.1.1 no\r\n250 ok")
    #expect(
      dialogue.step("451 4.3.0 later") == [
        "done, reusable",
        "0 bounced 5.1.1 (host mx.test[192.0.2.1] said: 550 5.1.1 no"
          + " (in reply to RCPT TO command))",
        "1 deferred 4.3.0 (host mx.test[192.0.2.1] said: 451 4.3.0 later"
          + " (in reply to DATA command))", "ready",
      ])
  }

  @Test(arguments: [
    ("554 5.6.0 spam", "bounced 5.6.0 (host mx.test[192.0.2.1] said: 554 5.6.0 spam"),
    ("451 later", "deferred 4.0.0 (host mx.test[192.0.2.1] said: 451 later"),
    (
      "350 what",
      "bounced 5.5.0 (host mx.test[192.0.2.1] said: 350 what"
    ),
  ])
  func theFinalReplyDecides(reply: String, expected: String) {
    var dialogue = Dialogue(hello: pipeliningHello, transaction("a@t.test"))
    _ = dialogue.step()
    _ = dialogue.step("250 ok\r\n250 ok\r\n354 go")
    dialogue.core.contentSent()
    #expect(
      dialogue.step(reply) == [
        "done, reusable", "0 \(expected) (in reply to end of DATA command))", "ready",
      ])
  }

  @Test func aSuccessInThePlaceOfGoOnIsAProtocolError() {
    var dialogue = Dialogue(hello: pipeliningHello, transaction("a@t.test"))
    _ = dialogue.step()
    #expect(
      dialogue.step("250 ok\r\n250 ok\r\n250 odd") == [
        "done, reusable",
        "0 bounced 5.5.0 (Protocol error: host mx.test[192.0.2.1] said: 250 odd"
          + " (in reply to DATA command))", "ready",
      ])
  }

  @Test func aReasonWithALongReplyKeepsItsEnd() throws {
    var dialogue = Dialogue(hello: plainHello, transaction("a@t.test"))
    _ = dialogue.step()
    let seen = dialogue.step("550 " + String(repeating: "\u{20ac}", count: 2000))
    #expect(seen[1].hasSuffix("\u{20ac} (in reply to MAIL FROM command))"))
    #expect((1020...1024).contains(seen[1].utf8.count - "0 bounced 5.0.0 ()".utf8.count))
  }

  @Test func aLongEnvelopeIsSentInWindows() {
    let many = OutboundTransaction(
      sender: .null,
      recipients: (0..<100).map { OutboundRecipient(MailAddress("user\($0)@there.test")) }, size: 1)
    var dialogue = Dialogue(many) { $0.pipelineWindowSize = 1000 }
    _ = dialogue.step()
    _ = dialogue.step("220 x")
    var replies = 0
    var windows = 0
    var seen = dialogue.step(pipeliningHello)
    while seen.first?.hasPrefix("C: ") == true {
      #expect(seen[0].utf8.count < 1100)
      windows += 1
      let commands = seen[0].split(separator: " | ").count
      for _ in 0..<(commands - 1) { #expect(dialogue.step("250 ok").count == 1) }
      replies += commands
      seen = dialogue.step(replies == 102 ? "354 go" : "250 ok")
    }
    #expect(replies == 102)
    #expect(windows == 3)
    #expect(seen == ["content"])
  }

  @Test func parametersFollowWhatTheServerOffers() {
    let mail = transaction("a@t.test", size: 5, isEightBit: true, needsSMTPUTF8: true)
    var full = Dialogue(
      hello: "250-x\r\n250-SIZE\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8", mail)
    #expect(
      full.step()[0]
        == "C: MAIL FROM:<s@here.test> SIZE=5 BODY=8BITMIME SMTPUTF8 RET=HDRS")
    #expect(full.step("250 ok")[0] == "C: RCPT TO:<a@t.test> NOTIFY=NEVER")
    var none = Dialogue(hello: plainHello, transaction("a@t.test", isEightBit: true))
    #expect(none.step()[0] == "C: MAIL FROM:<s@here.test>")
    var discarding = Dialogue(mail) { $0.discardedKeywords = ["dsn", "8bitmime", "pipelining"] }
    _ = discarding.step()
    _ = discarding.step("220 x")
    #expect(
      discarding.step("250-x\r\n250-dsn\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SMTPUTF8")[0]
        == "C: MAIL FROM:<s@here.test> SMTPUTF8")
  }

  @Test func whatTheServerCannotTakeBouncesWithoutADialogue() {
    var large = Dialogue(hello: "250-x\r\n250 SIZE 999", transaction("a@t.test"))
    #expect(
      large.step() == [
        "done, reusable",
        "0 bounced 5.3.4 (message size 1000 exceeds size limit 999 of server mx.test[192.0.2.1])",
        "ready",
      ])
    var utf8 = Dialogue(hello: plainHello, transaction("a@t.test", needsSMTPUTF8: true))
    #expect(
      utf8.step() == [
        "done, reusable",
        "0 bounced 5.6.7 (SMTPUTF8 is required, but was not offered by host mx.test[192.0.2.1])",
        "ready",
      ])
  }

  @Test func aConnectionCarriesManyTransactions() {
    var dialogue = Dialogue(hello: pipeliningHello)
    for _ in 0..<3 {
      dialogue.core.begin(transaction("a@t.test"))
      #expect(dialogue.step()[0].hasPrefix("C: MAIL"))
      #expect(dialogue.step("250 ok\r\n250 ok\r\n354 go") == ["content"])
      dialogue.core.contentSent()
      #expect(dialogue.step("250 ok").last == "ready")
    }
  }
}
