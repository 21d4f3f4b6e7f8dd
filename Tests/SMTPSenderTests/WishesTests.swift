import MailTypes
import Primitives
import QueueFormat
import Reactor
import ServiceKit
import Testing

@testable import SMTPSender

/// What a sender wants to hear (RFC 3461), on its way to the next hop.
@Suite struct WishesTests {
  init() { Reactor.startThread() }

  @Test(
    arguments: [
      (nil, "", "", " ORCPT=rfc822;r@example.net"),
      (DeliveryNotify.never, "", "", " ORCPT=rfc822;r@example.net NOTIFY=NEVER"),
      (
        [.delay, .failure, .success], "list@example.org", "",
        " ORCPT=rfc822;list@example.org NOTIFY=SUCCESS,FAILURE,DELAY"
      ),
      (.delay, "", "X400;c+3Dde", " ORCPT=X400;c+3Dde NOTIFY=DELAY"),
      (nil, "a+b=c@example.org", "", " ORCPT=rfc822;a+2Bb+3Dc@example.org"),
      (nil, "\u{fc}@example.org", "", " ORCPT=rfc822;+C3+BC@example.org"),
      (nil, "", "utf-8;\u{fc}+2bx@y", " ORCPT=utf-8;+C3+BC+2Bx@y"),
    ] as [(DeliveryNotify?, String, String, String)])
  func aRecipientsWishesAreSpelledLikePostfix(
    _ notify: DeliveryNotify?, _ original: String, _ dsnOriginal: String, _ expected: String
  ) {
    let recipient = DeliveryRecipient(
      index: 0, address: MailAddress("r@example.net"), original: Array(original.utf8),
      notify: notify, dsnOriginal: Array(dsnOriginal.utf8))
    #expect(String(decoding: recipient.dsnParameters, as: UTF8.self) == expected)
  }

  @Test(arguments: [true, false]) @ReactorActor
  func theyGoToAServerThatOffersToHonourThem(offersDSN: Bool) async throws {
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let message = StoredMessage(number: 1, body: "x\r\n")
    var request = fixture.request(
      message, nextHop: "[127.0.0.1]:\(server.port)", recipients: 2)
    request.envelopeID = Array("a+2Bb".utf8)
    request.returnContent = .headers
    request.recipients[1].notify = .success
    try fixture.post(request, message)
    let session = try await server.accept()
    try await session.say("220 sink.test ESMTP")
    try await session.expect("EHLO ")
    try await session.say("250-sink.test", offersDSN ? "250-DSN" : "250-8BITMIME", "250 SIZE 0")
    for (command, wishes) in [
      ("MAIL FROM:<a@example.org> SIZE=\(message.wire.count - 3)", " ENVID=a+2Bb RET=HDRS"),
      ("RCPT TO:<r0@example.net>", " ORCPT=rfc822;r0@example.net"),
      ("RCPT TO:<r1@example.net>", " ORCPT=rfc822;r1@example.net NOTIFY=SUCCESS"),
    ] {
      #expect(try await session.expect("") == command + (offersDSN ? wishes : ""))
      try await session.say("250 Ok")
    }
    try await session.expect("DATA")
    try await session.say("354 go on")
    _ = try await session.content()
    try await session.say("250 Ok")
    let verdicts = try await fixture.result().verdicts
    #expect(
      verdicts.map(\.handover)
        == Array(
          repeating: offersDSN ? .relayedWithWishes : .relayed, count: 2))
  }
}
