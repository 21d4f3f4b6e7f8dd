import MailTypes
import Primitives
import QueueFormat
import ServiceKit
import Testing

private let request: DeliveryRequest = {
  var request = plainRequest
  request.envelopeID = Array("QQ314159".utf8)
  request.returnContent = .headers
  request.recipients[0].notify = .never
  request.recipients[1].notify = [.success, .delay]
  request.recipients[1].dsnOriginal = Array("rfc822;c@example.net".utf8)
  request.recipients[1].program = AliasProgramPlace(
    index: 1, count: 3, isInFile: true, isBare: false, checksum: 0xfedc_ba98)
  return request
}()

private let plainRequest = DeliveryRequest(
  id: 7, queueID: QueueID(microseconds: 1_700_000_000_000_001, sequence: 3),
  nonce: Nonce(high: 1, low: 2), offset: 4096, transport: "smtp", nextHop: "[127.0.0.1]:25",
  sender: MailAddress("a@example.org"),
  recipients: [
    DeliveryRecipient(index: 0, address: MailAddress("b@example.net")),
    DeliveryRecipient(index: 4, address: MailAddress("c@example.net"), original: [1, 2]),
  ],
  arrival: WallTime(microseconds: 1), activated: WallTime(microseconds: 2),
  dispatched: WallTime(microseconds: 3))

private let result = DeliveryResult(
  answering: request, connectionFailed: true,
  verdicts: [
    RecipientVerdict(
      index: 0, outcome: .deferred, status: EnhancedStatus(4, 4, 1), text: Array("no".utf8),
      relay: Array("none".utf8)),
    RecipientVerdict(
      index: 4, outcome: .sent, handover: .relayed, status: EnhancedStatus(2, 0, 0), text: [],
      relay: [65]),
  ])

private let mark = SegmentMark(
  fileName: "x.segment", nonce: Nonce(high: 3, low: .max), end: 1 << 40, sealed: true)

private let record = StartRecord(
  name: ProcessName(role: .smtpd, index: 1),
  user: UserIdentity(name: "postfix", userID: 101, groupID: 102), logKind: .syslog,
  configurationSize: 99, keyMaterialSize: 98, listeners: [.init(service: "smtp", settings: 0)],
  transports: [.init(service: "relay", settings: 1)],
  serviceSettings: [[["syslog_name", "postfix/submission"]], []], sequenceFirst: 5,
  sequenceCount: 6, processCount: 2, hasLoadBoard: true, refusals: [refusals[0]], clientRow: 7)

private let refusals = [IPAddress("192.0.2.7")!, IPAddress("2001:db8::7")!].map {
  RefusedClients.Entry(address: $0, until: MonotonicTime(nanoseconds: 1 << 40))
}

private let everyMessage: [InternalMessage] = [
  .start(record), .channel(ProcessName(role: .control, index: 0), pid: 12), .channelsComplete,
  .drain, .sequences(first: .max, count: 1), .ping, .refuse(refusals[0]), .refuse(refusals[1]),
  .retire(within: .milliseconds(1500)), .logFile(.syslog), .reconfigure(record),
  .retired, .reconfigured, .notReconfigured("no"), .agentLeaves, .agentReleased,
  .ready, .failed("why"), .needSequences, .mute(ProcessName(role: .smtp, index: 3)),
  .channelEnded(ProcessName(role: .smtp, index: 3), pid: 77), .resultsFile,
  .writerHello([mark, mark]), .watermark(mark),
  .intake(accepting: false, reason: "full"), .segment(Nonce(high: 9, low: 8)), .deliver(request),
  .deliver(plainRequest),
  .acknowledge([1, 2, .max]), .forget(Nonce(high: 0, low: 0)),
  .agentHello(inHand: [DeliveryReference(request)], results: [result], capacity: 50),
  .agentHolds(inHand: [DeliveryReference(request)], results: [result, result]),
  .result(result), .queueCommand(id: 1, command: [1]),
  .queueAnswer(id: 1, part: [2, 3], last: true),
]

private func packet(_ messages: [InternalMessage]) -> [UInt8] {
  var out = WireEncoder()
  out.put(InternalMessage.protocolVersion)
  for message in messages { message.encode(into: &out) }
  return out.take()
}

private func decode(_ bytes: [UInt8]) throws(WireError) -> [InternalMessage] {
  try bytes.withUnsafeBytes { (bytes) -> Result<[InternalMessage], WireError> in
    do throws(WireError) {
      var messages: [InternalMessage] = []
      try InternalMessage.decode(packet: bytes) { messages.append($0) }
      return .success(messages)
    } catch {
      return .failure(error)
    }
  }.get()
}

@Test func everyInternalMessageSurvivesThePacket() throws {
  #expect(try decode(packet(everyMessage)) == everyMessage)
}

@Test func aPacketOfAnotherVersionIsRefused() {
  var bytes = packet([.ready])
  bytes[0] = 77
  #expect(throws: WireError.self) { try decode(bytes) }
}

@Test func everyCutOfEveryMessageIsRefused() throws {
  for message in everyMessage {
    let bytes = packet([message])
    for length in 2..<bytes.count {
      #expect(throws: WireError.self) { try decode(Array(bytes[..<length])) }
    }
  }
}

@Test func damagedPacketsNeverTrapAndNeverTakeMuchMemory() {
  var state: UInt64 = 0x9e37_79b9_7f4a_7c15
  func random() -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state >> 33)
  }
  let whole = packet(everyMessage)
  var refused = 0
  for _ in 0..<20_000 {
    var bytes = whole
    for _ in 0..<(1 + random() % 4) { bytes[random() % bytes.count] = UInt8(random() & 255) }
    if (try? decode(bytes)) == nil { refused += 1 }
  }
  #expect(refused > 10_000)
}

@Test func longReplyTextsAreCut() {
  let verdict = RecipientVerdict(
    index: 0, outcome: .bounced, status: EnhancedStatus(5, 0, 0),
    text: [UInt8](repeating: 65, count: 5000), relay: [])
  #expect(verdict.text.count == RecipientVerdict.textLengthMax)
}

@Test func aRecipientTakesNoMoreOfAPacketThanIsReserved() {
  var without = request
  without.recipients = []
  let room = packet([.deliver(request)]).count - packet([.deliver(without)]).count
  #expect(room <= request.recipients.reduce(0) { $0 + $1.encodedLength })
}

@Test func queueCommandsAndEntriesSurviveTheWire() throws {
  let id = QueueID(microseconds: 5_000_000, sequence: 1)
  for command in [QueueCommand.list, .more, .cancel, .flush, .retry(id)] {
    #expect(try QueueCommand(decoding: command.encoded) == command)
  }
  let entry = QueueListEntry(
    id: id, state: .deferred, arrival: WallTime(microseconds: 8), size: 10, sender: .null,
    recipients: [.init(address: MailAddress("x@y"), reason: Array("later".utf8))])
  var out = WireEncoder()
  entry.encode(into: &out)
  let read = try out.bytes.withUnsafeBytes { (bytes) throws(WireError) in
    var input = WireDecoder(bytes)
    return try QueueListEntry(from: &input)
  }
  #expect(read == entry)
}

/// Every message cut and changed byte by byte. They are made here: what is in a file is not of this
/// build's protocol for long, and then shows only that its first bytes are refused.
@Test(arguments: everyMessage.indices)
func changedMessagesAreRefusedOrUnderstood(place: Int) throws {
  let whole = packet([everyMessage[place]])
  #expect(try decode(whole) == [everyMessage[place]])
  func check(_ bytes: [UInt8]) {
    // What is understood is written and read back the same.
    guard let messages = try? decode(bytes) else { return }
    #expect((try? decode(packet(messages))) == messages)
  }
  for cut in 0...whole.count { check(Array(whole[..<cut])) }
  for at in whole.indices {
    for value: UInt8 in [0, 1, 0x7f, 0xff] {
      var bytes = whole
      bytes[at] = value
      check(bytes)
    }
  }
}
