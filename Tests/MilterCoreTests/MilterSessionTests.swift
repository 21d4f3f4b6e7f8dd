import MailTypes
import Primitives
import Testing

@testable import MilterCore

private func packet(_ code: Unicode.Scalar, _ text: String = "") -> MilterPacket {
  MilterPacket(code: UInt8(ascii: code), data: Array(text.utf8))
}

@Suite struct MilterSessionTests {
  /// What Debian's Postfix 3.7 offers, but for the recipients that it refused itself.
  private static let offers: [(UInt32, [UInt8])] = [
    (6, [0, 0, 0, 13, 0x4f, 0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xf7, 0xff]),
    (4, [0, 0, 0, 13, 0x4f, 0, 0, 0, 4, 0, 0, 0, 0x3f, 0, 0, 3, 0x7f]),
    (3, [0, 0, 0, 13, 0x4f, 0, 0, 0, 3, 0, 0, 0, 0x3f, 0, 0, 1, 0x7f]),
    (2, [0, 0, 0, 13, 0x4f, 0, 0, 0, 2, 0, 0, 0, 0x3f, 0, 0, 0, 0x7f]),
  ]

  @Test(arguments: offers) func theOfferOfEachVersion(version: UInt32, bytes: [UInt8]) throws {
    let offer = try #require(MilterProtocol(version: version))
    let session = MilterSession(offer, defaultAction: .accept, macros: [:])
    #expect(session.negotiation() == bytes)
  }

  @Test func whatWasNotOfferedIsRefused() throws {
    let rows: [([UInt32], MilterFault)] = [
      ([7, 0, 0], .version(7)), ([1, 0, 0], .version(1)), ([6, 0x200, 0], .options(0x200)),
      ([6, 0, 0x20_0000], .options(0x20_0000)), ([6, 0, 0x800], .options(0x800)),
      ([6, 0], .malformed(0x4f)),
    ]
    for (numbers, fault) in rows {
      var session = MilterSession(
        try #require(MilterProtocol(version: 6)), defaultAction: .accept, macros: [:])
      var data: [UInt8] = []
      for number in numbers { data.append(milterNumber: number) }
      #expect(throws: fault) {
        try session.agree(MilterPacket(code: UInt8(ascii: "O"), data: data))
      }
    }
  }

  @Test func aMilterMaySayWhichMacrosItWants() throws {
    var session = MilterSession(
      try #require(MilterProtocol(version: 6)), defaultAction: .accept,
      macros: [.mail: ["i"], .recipient: ["i"]])
    var data: [UInt8] = []
    for number: UInt32 in [6, 0x1ff, 0, 2] { data.append(milterNumber: number) }
    data += Array("{mail_addr}, {x}\0".utf8)
    try session.agree(MilterPacket(code: UInt8(ascii: "O"), data: data))
    #expect(session.macroNames(at: .mail) == ["{mail_addr}", "{x}"])
    #expect(session.macroNames(at: .recipient) == ["i"])
    data += [0, 0, 0, 2] + Array(String(repeating: "i ", count: 257).utf8) + [0]
    #expect(throws: MilterFault.malformed(0x4f)) {
      try session.agree(MilterPacket(code: UInt8(ascii: "O"), data: data))
    }
  }

  @Test func eventsAsTheyStandOnTheWire() throws {
    var session = agreed(macros: [.connect: ["j", "{none}"], .endOfHeader: ["i"]])
    var out: [UInt8] = []
    let values: MilterSession.Macros = { name in
      ["j": Array("mx".utf8), "i": Array("4F".utf8)][name]
    }
    let client = try #require(IPAddress("192.0.2.7"))
    #expect(
      session.tell(.connect(name: "c.test", address: client, port: 0x1234), values, into: &out))
    #expect(
      out == wire("D", Array("Cj\0mx\0".utf8))
        + wire("C", Array("c.test\0".utf8) + [0x34, 0x12, 0x34] + Array("192.0.2.7\0".utf8)))
    out = []
    let value = Array(" y\n\tz".utf8)
    #expect(
      session.tell(
        .header(name: Array("Foo".utf8)[...], value: value), values, into: &out))
    #expect(
      out == wire("D", Array("Li\04F\0".utf8)) + wire("L", Array("Foo\0y\n\tz\0".utf8)))
    out = []
    #expect(session.tell(.mail([Array("<a@b>".utf8), Array("SIZE=1".utf8)]), values, into: &out))
    #expect(out == wire("M", Array("<a@b>\0SIZE=1\0".utf8)))
    out = []
    var spaced = agreed(steps: 0x10_0000)
    _ = spaced.tell(.header(name: Array("Foo".utf8)[...], value: value), values, into: &out)
    #expect(out == wire("L", Array("Foo\0 y\n\tz\0".utf8)))
    out = []
    // A NUL would end a text early.
    _ = session.tell(.helo(Array("a\0b".utf8)), values, into: &out)
    #expect(out == wire("H", Array("a\0".utf8)))
  }

  @Test func whatAMilterDoesNotWantIsNotSentAndWhatItDoesNotAnswerIsNotWaitedFor() {
    var session = agreed(steps: 0x10 | 0x1000)
    var out: [UInt8] = []
    #expect(!session.wants(.body))
    #expect(!session.tell(.body([1, 2]), { _ in nil }, into: &out))
    #expect(out.isEmpty)
    let event = MilterEvent.connect(name: "x", address: IPAddress("::1")!, port: 1)
    #expect(!session.tell(event, { _ in nil }, into: &out))
    #expect(!out.isEmpty)
    #expect(!agreed(version: 2).wants(.data))
    #expect(agreed(version: 4).wants(.data))
  }

  @Test func aRefusalOfTheSessionStandsAndOneOfACommandDoesNot() throws {
    var session = agreed()
    #expect(try session.take(packet("r"), at: .mail) == .verdict(.refuse(.milterRejection)))
    #expect(session.standing(at: .mail) == nil)
    #expect(try session.take(packet("t"), at: .data) == .verdict(.refuse(.milterFailure)))
    // Who says DATA again is judged again.
    #expect(session.standing(at: .data) == nil)
    #expect(try session.take(packet("r"), at: .helo) == .verdict(.refuse(.milterRejection)))
    #expect(session.standing(at: .mail) == .refuse(.milterRejection))
    #expect(session.sessionVerdict == .refuse(.milterRejection))
  }

  @Test func anAcceptedMessageIsNotShownAnyMoreButTheNextIs() throws {
    var session = agreed()
    #expect(session.standing(at: .mail) == nil)
    #expect(try session.take(packet("a"), at: .recipient) == .verdict(.proceed))
    #expect(session.standing(at: .endOfMessage) == .proceed)
    #expect(session.standing(at: .mail) == nil)
    #expect(try session.take(packet("a"), at: .connect) == .verdict(.proceed))
    #expect(session.standing(at: .mail) == .proceed)
  }

  @Test func discardNeedsAMessage() throws {
    var session = agreed()
    #expect(throws: MilterFault.discardWithoutMessage) {
      try session.take(packet("d"), at: .helo)
    }
    #expect(try session.take(packet("d"), at: .data) == .verdict(.discard))
    #expect(session.standing(at: .endOfMessage) == .proceed)
  }

  @Test func changesHaveTheirPlaceAndMustBeAgreedOn() throws {
    var session = agreed(actions: 1)
    #expect(throws: MilterFault.unexpected(0x68)) {
      try session.take(packet("h", "A\0b\0"), at: .mail)
    }
    #expect(throws: MilterFault.actionNotAgreed(0x2b)) {
      try session.take(packet("+", "<a@b>\0"), at: .endOfMessage)
    }
    #expect(throws: MilterFault.malformed(0x68)) {
      try session.take(packet("h", "A: b\0c\0"), at: .endOfMessage)
    }
    #expect(
      try session.take(packet("h", "A\0b\0"), at: .endOfMessage)
        == .edit(.addHeader(name: Array("A".utf8), value: Array("b".utf8))))
    #expect(try session.take(packet("p"), at: .endOfMessage) == .wait)
    #expect(throws: MilterFault.unexpected(0x73)) { try session.take(packet("s"), at: .body) }
    var skipping = agreed(steps: 0x400)
    #expect(try skipping.take(packet("s"), at: .body) == .verdict(.proceed))
    #expect(!skipping.wants(.body))
    _ = skipping.standing(at: .mail)
    #expect(skipping.wants(.body))
  }

  @Test func aReplyOfTheMilterIsSaidAsItIs() throws {
    let rows: [(String, SMTPReply)] = [
      ("550 5.7.9 my text\0", SMTPReply(550, EnhancedStatus(5, 7, 9), "my text")),
      ("451 wait\0", SMTPReply(451, nil, "wait")),
      (
        "550-5.7.1 one\r\n550 5.7.1 two\0",
        SMTPReply(550, EnhancedStatus(5, 7, 1), "one\ntwo")
      ),
      ("550 100%% sure %d\0", SMTPReply(550, nil, "100% sure d")),
      ("421 4.3.2 later\0", SMTPReply(421, EnhancedStatus(4, 3, 2), "later")),
    ]
    for (text, reply) in rows {
      var session = agreed()
      #expect(try session.take(packet("y", text), at: .mail) == .verdict(.refuse(reply)), "\(text)")
    }
    let malformed = [
      "250 fine\0", "55\0", "\0", "no\0", "550 no end", "550 a\n451 b\0", "550 4.7.1 x\0",
    ]
    for text in malformed {
      var session = agreed()
      #expect(throws: MilterFault.self, "\(text)") {
        try session.take(packet("y", text), at: .mail)
      }
    }
  }

  @Test func aMilterThatFailedStaysFailed() {
    for action in MilterDefaultAction.allCases {
      var session = agreed(defaultAction: action)
      #expect(session.fail() == action.verdict)
      #expect(session.standing(at: .mail) == action.verdict)
      #expect(!session.isListening)
    }
  }

  @Test func onlyAMessageThatHasBegunIsAborted() throws {
    var session = agreed()
    var out: [UInt8] = []
    session.abort(into: &out)
    #expect(out.isEmpty)
    _ = session.standing(at: .mail)
    session.abort(into: &out)
    #expect(out == wire("A"))
    session.abort(into: &out)
    #expect(out == wire("A"))
    _ = session.standing(at: .mail)
    _ = try session.take(packet("c"), at: .endOfMessage)
    session.abort(into: &out)
    #expect(out == wire("A"))
  }
}
