import MailTypes
import SMTPClientCore
import Testing

struct LossTests {
  struct Row: Sendable {
    let replies: [String]
    let wait: String
    let activity: String
    var connectionFailed = false
    var contentSent = false
  }

  static let greeting = ["220 x", plainHello]
  static let rows: [Row] = [
    Row(
      replies: [], wait: "await greeting", activity: "receiving the initial server greeting",
      connectionFailed: true),
    Row(
      replies: ["220 x"], wait: "await helo", activity: "performing the EHLO handshake",
      connectionFailed: true),
    Row(
      replies: ["220 x", "500 x"], wait: "await helo",
      activity: "performing the HELO handshake", connectionFailed: true),
    Row(replies: greeting, wait: "await mail", activity: "sending MAIL FROM"),
    Row(replies: greeting + ["250 ok"], wait: "await rcpt", activity: "sending RCPT TO"),
    Row(
      replies: greeting + ["250 ok", "250 ok"], wait: "await dataInit",
      activity: "sending DATA command"),
    Row(
      replies: greeting + ["250 ok", "250 ok", "354 go"], wait: "content",
      activity: "sending message body"),
    Row(
      replies: greeting + ["250 ok", "250 ok", "354 go"], wait: "await dataDone",
      activity: "sending end of data -- message may be sent more than once", contentSent: true),
  ]

  static func played(_ row: Row) -> Dialogue {
    var dialogue = Dialogue(transaction("a@t.test"))
    var seen = dialogue.step()
    for reply in row.replies { seen = dialogue.step(reply) }
    if row.contentSent {
      dialogue.core.contentSent()
      seen = dialogue.step()
    }
    #expect(seen.last == row.wait)
    return dialogue
  }

  @Test(arguments: rows)
  func aLostConnectionIsTriedAgain(row: Row) {
    let ended = row.connectionFailed ? "done, connection failed" : "done"
    var lost = Self.played(row)
    lost.core.connectionLost(.closed)
    #expect(
      lost.step() == [
        ended,
        "0 deferred 4.4.2 (lost connection with mx.test[192.0.2.1] while \(row.activity))",
        "close",
      ])
    var slow = Self.played(row)
    slow.core.connectionLost(.timedOut)
    #expect(
      slow.step() == [
        ended,
        "0 deferred 4.4.2 (conversation with mx.test[192.0.2.1] timed out"
          + " while \(row.activity))", "close",
      ])
  }

  @Test(arguments: [
    ("552 5.3.4 too big", "bounced 5.3.4"), ("421 4.3.2 bye", "deferred 4.3.2"),
    ("451-4.3.0 not\r\n451 4.3.0 now", "deferred 4.3.0"),
  ])
  func aRefusalBeforeTheEndOfTheContentCounts(reply: String, verdict: String) {
    var dialogue = Self.played(Self.rows[6])
    dialogue.core.contentInterrupted()
    #expect(dialogue.step() == ["await dataTransfer"])
    let said = reply.replacing("\r\n", with: " ")
    #expect(
      dialogue.step(reply) == [
        "done",
        "0 \(verdict) (host mx.test[192.0.2.1] said: \(said) (in reply to end of DATA command))",
        "close",
      ])
  }

  @Test func aRefusalInOnePieceWithTheWordToGoOnCounts() {
    var dialogue = Self.played(Self.rows[5])
    dialogue.receive("354 go on\r\n552 5.3.4 ")
    #expect(dialogue.step() == ["await dataTransfer"])
    #expect(dialogue.step("too big").first == "done")
  }

  @Test(arguments: ["250 2.0.0 taken", "354 go on", nil])
  func onlyARefusalCountsBeforeTheEndOfTheContent(reply: String?) {
    var dialogue = Self.played(Self.rows[6])
    dialogue.core.contentInterrupted()
    #expect(dialogue.step() == ["await dataTransfer"])
    let seen: [String]
    if let reply {
      seen = dialogue.step(reply)
    } else {
      dialogue.core.connectionLost(.closed)
      seen = dialogue.step()
    }
    let verdict =
      reply == nil
      ? "4.4.2 (lost connection with mx.test[192.0.2.1]"
      : "4.5.0 (unexpected reply from mx.test[192.0.2.1]"
    #expect(seen == ["done", "0 deferred \(verdict) while sending message body)", "close"])
  }

  @Test func unreadableContentIsNotThePeersFault() {
    var dialogue = Self.played(Self.rows[6])
    dialogue.core.connectionLost(.localData)
    #expect(
      dialogue.step() == [
        "done", "0 deferred 4.3.0 (local data error while talking to mx.test[192.0.2.1])", "close",
      ])
  }

  @Test func recipientsThatHaveAVerdictKeepIt() {
    var dialogue = Dialogue(hello: pipeliningHello, transaction("a@t.test", "b@t.test", "c@t.test"))
    _ = dialogue.step()
    _ = dialogue.step("250 ok\r\n550 5.1.1 no\r\n250 ok")
    dialogue.core.connectionLost(.closed)
    let lost =
      "deferred 4.4.2 (lost connection with mx.test[192.0.2.1] while sending RCPT TO)"
    #expect(
      dialogue.step() == [
        "done",
        "0 bounced 5.1.1 (host mx.test[192.0.2.1] said: 550 5.1.1 no"
          + " (in reply to RCPT TO command))", "1 " + lost, "2 " + lost, "close",
      ])
  }

  @Test(arguments: [0, 1, 2, 3])
  func a421EndsTheConnection(at step: Int) {
    var dialogue = Dialogue(hello: plainHello, transaction("a@t.test"))
    _ = dialogue.step()
    for reply in ["250 ok", "250 ok", "354 go"].prefix(step) { _ = dialogue.step(reply) }
    if step == 3 { dialogue.core.contentSent() }
    let command = ["MAIL FROM", "RCPT TO", "DATA", "end of DATA"][step]
    #expect(
      dialogue.step("421 4.4.5 bye") == [
        "done",
        "0 deferred 4.4.5 (host mx.test[192.0.2.1] said: 421 4.4.5 bye"
          + " (in reply to \(command) command))", "close",
      ])
  }

  @Test func aReplyOutOfTurnEndsTheConnection() {
    var early = Dialogue(hello: pipeliningHello, transaction("a@t.test"))
    _ = early.step()
    #expect(
      early.step("250 ok\r\n250 ok\r\n354 go\r\n250 queued") == [
        "done",
        "0 deferred 4.5.0 (unexpected reply from mx.test[192.0.2.1] while sending message body)",
        "close",
      ])
    var twice = Dialogue(hello: plainHello, transaction("a@t.test"))
    _ = twice.step()
    #expect(twice.step("250 ok\r\n250 ok").first == "done")
  }

  @Test func aReplyWithoutEndEndsTheConnection() {
    var dialogue = Dialogue(transaction("a@t.test"))
    _ = dialogue.step()
    dialogue.receive(String(repeating: "220-x\r\n", count: 30_000))
    #expect(
      dialogue.step() == [
        "done, connection failed",
        "0 deferred 4.5.0 (unexpected reply from mx.test[192.0.2.1]"
          + " while receiving the initial server greeting)", "close",
      ])
  }

  @Test func anOpenConnectionThatIsGoneIsStale() {
    for loss in ["lost", "421 4.4.2 idle"] {
      var dialogue = Dialogue(hello: plainHello, transaction("a@t.test"))
      _ = dialogue.step()
      _ = dialogue.step("450 later")
      dialogue.core.begin(transaction("b@t.test"))
      #expect(dialogue.step() == ["C: RSET", "await reset"])
      if loss == "lost" {
        dialogue.core.connectionLost(.closed)
      } else {
        dialogue.receive(loss + "\r\n")
      }
      #expect(dialogue.step() == ["done, stale", "close"])
    }
  }

  @Test func aReusedConnectionThatHasAnsweredIsNotStale() {
    var dialogue = Dialogue(hello: plainHello, transaction("a@t.test"))
    _ = dialogue.step()
    _ = dialogue.step("450 later")
    dialogue.core.begin(transaction("b@t.test"))
    _ = dialogue.step()
    _ = dialogue.step("250 ok")
    _ = dialogue.step("250 ok")
    dialogue.core.connectionLost(.closed)
    #expect(
      dialogue.step() == [
        "done", "0 deferred 4.4.2 (lost connection with mx.test[192.0.2.1] while sending RCPT TO)",
        "close",
      ])
  }

  @Test func everyWaitHasItsLimit() {
    var timeouts = SMTPClientTimeouts()
    #expect(
      TimeoutKind.allCases.map { timeouts[$0] }
        == [30, 300, 300, 300, 300, 300, 120, 180, 600, 20, 300].map { .seconds($0) })
    timeouts.dataDone = .milliseconds(5)
    #expect(timeouts[.dataDone] == .milliseconds(5))
  }
}
