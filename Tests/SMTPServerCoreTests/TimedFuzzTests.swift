import MailTypes
import Primitives
import SMTPGrammar
import TestSupport
import Testing

@testable import SMTPServerCore

/// The whole core under random bytes and a clock that the test moves.
@Suite struct TimedFuzzTests {
  private static let timeout = 300

  private static let pieces: [[UInt8]] =
    [
      "EHLO x\r\n", "HELO x\r\n", "MAIL FROM:<a@b>\r\n", "MAIL FROM:<a@bad.test>\r\n",
      "MAIL FROM:<a@b> SIZE=9 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x\r\n", "RCPT TO:<c@d>\r\n",
      "RCPT TO:<c@other.test>\r\n", "RCPT TO:<c@hangup.test>\r\n", "RCPT TO:<c@d> NOTIFY=DELAY\r\n",
      "DATA\r\n", "Subject: x\r\n\r\nhello\r\n", ".\r\n", "\r\n.\r\n", "..\r\n", "BDAT 3\r\nabc",
      "BDAT 3 LAST\r\nabc", "BDAT 0 LAST\r\n", "BDAT 20000\r\n", "BDAT 4\r\n", "RSET\r\n",
      "NOOP\r\n",
      "VRFY c@d\r\n", "VRFY \u{e9}\r\n", "ETRN d\r\n", "STARTTLS\r\n", "AUTH PLAIN AAAA\r\n",
      "AUTH PLAIN Z29vZA==\r\n", "AUTH LOGIN\r\n", "AUTH LOGIN\r\nZ29vZA==\r\n", "bW9yZQ==\r\n",
      "*\r\n", "AUTH PLAIN YXdheQ==\r\n",
      "QUIT\r\n", "FOO\r\n", "GET / HTTP/1.0\r\n", "\r", "\n", "\0", "\u{ff}", ">", "<", " ",
    ].map { Array($0.utf8) } + [[0xff, 0xfe], Array(repeating: 0x61, count: 3000)]

  @Test(arguments: 0..<8) func randomSessionsKeepTheirRules(part: Int) {
    var random = SplitMix64(seed: 7000 + UInt64(part))
    for round in 0..<400 { play(&random, "part \(part), round \(round)") }
  }

  private func play(_ random: inout SplitMix64, _ name: String) {
    var session = Session {
      $0.recipientLimit = 5
      $0.recipientOvershootLimit = 3
      $0.softErrorLimit = 4
      $0.hardErrorLimit = 12
      $0.junkCommandLimit = 9
      $0.errorSleepTime = .seconds(1)
      $0.authenticates = true
    }
    session.core.offeredMechanisms = Array("PLAIN LOGIN".utf8)
    if Bool.random(using: &random) { session.contentReply = .writeError }
    if Int.random(in: 0..<8, using: &random) == 0 { session.contentRefusal = .insufficientStorage }
    _ = session.core.greet(into: &session.out)
    var now = 0
    var fed = 0
    var deadline = Self.timeout
    for _ in 0..<Int.random(in: 1..<60, using: &random) where session.isOpen {
      now += Int.random(in: 0..<40, using: &random) == 0 ? Self.timeout : 1
      if now >= deadline {
        let step = session.core.end(
          with: .timeout(myhostname: "mx.example.test"), into: &session.out)
        #expect(step == .close)
        session.isOpen = false
        break
      }
      let input = input(&random)
      fed += input.count
      let replies = session.out.count
      session.feed(input)
      if session.out.count > replies { deadline = now + Self.timeout }
      check(session, name)
      // What the driver would wait before it sends.
      now += Int(session.core.replyDelay.components.seconds)
    }
    if !session.isOpen { #expect(session.core.transaction == nil, "\(name)") }
    checkReplies(session.out, name)
    #expect(session.out.count <= 500 + fed * 200, "\(name): output without end")
    #expect(session.received.reduce(0) { $0 + $1.count } <= 2 * fed + 5 * 60, "\(name)")
  }

  private func input(_ random: inout SplitMix64) -> [UInt8] {
    var bytes = Self.pieces.randomElement(using: &random)!
    switch Int.random(in: 0..<12, using: &random) {
    case 0: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
    case 1:
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
    case 2: bytes += Self.pieces.randomElement(using: &random)!
    default: break
    }
    return bytes
  }

  private func check(_ session: Session, _ name: String) {
    let core = session.core
    #expect(core.errorCount <= 13, "\(name)")
    if let transaction = core.transaction {
      #expect(transaction.recipients.count <= 5, "\(name)")
      #expect(
        transaction.recipients.allSatisfy {
          !["other.test", "hangup.test"].contains($0.address.foldedDomain)
        }, "\(name)")
      #expect(transaction.sender.foldedDomain != "bad.test" || core.pending == .sender, "\(name)")
    } else {
      #expect(!core.isReceivingChunks, "\(name)")
    }
    #expect((core.attempt != nil) == core.expectsResponse, "\(name)")
    if core.pending == .content {
      #expect(core.transaction?.recipients.isEmpty == false, "\(name)")
    }
  }

  /// RFC 5321 4.2: lines of printable text that begin with a code, each ended by CRLF.
  private func checkReplies(_ out: [UInt8], _ name: String) {
    #expect(out.suffix(2) == [13, 10], "\(name)")
    for line in out.split(separator: 10) {
      #expect(line.last == 13 && line.count > 4, "\(name)")
      #expect(line.prefix(3).allSatisfy(ASCII.isDigit), "\(name)")
      let mark = line.dropFirst(3).first
      #expect(mark == ASCII.space || mark == UInt8(ascii: "-"), "\(name)")
      #expect(line.dropLast().allSatisfy { $0 >= ASCII.space && $0 != 0x7f }, "\(name)")
    }
  }
}
