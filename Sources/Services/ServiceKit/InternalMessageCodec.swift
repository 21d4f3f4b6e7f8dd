import MailTypes
import Primitives

extension InternalMessage {
  /// Appends the message to a packet under construction.
  package func encode(into out: inout WireEncoder) {
    let lengthAt = out.bytes.count
    out.put(UInt32(0))
    encodeFields(into: &out)
    out.patch(length: out.bytes.count - lengthAt - 4, at: lengthAt)
  }

  private func encodeFields(into out: inout WireEncoder) {
    switch self {
    case .start(let record):
      out.put(UInt8(1))
      record.encode(into: &out)
    case .channel(let peer, let pid):
      out.put(UInt8(2))
      out.put(peer)
      out.put(pid)
    case .channelsComplete: out.put(UInt8(3))
    case .drain: out.put(UInt8(4))
    case .sequences(let first, let count):
      out.put(UInt8(5))
      out.put(first)
      out.put(count)
    case .ready: out.put(UInt8(6))
    case .failed(let reason):
      out.put(UInt8(7))
      out.put(reason)
    case .needSequences: out.put(UInt8(8))
    case .mute(let peer):
      out.put(UInt8(9))
      out.put(peer)
    case .channelEnded(let peer, let pid):
      out.put(UInt8(10))
      out.put(peer)
      out.put(pid)
    case .resultsFile: out.put(UInt8(11))
    case .ping: out.put(UInt8(12))
    case .refuse(let entry):
      out.put(UInt8(13))
      entry.encode(into: &out)
    case .trace(let filter):
      out.put(UInt8(14))
      filter.encode(into: &out)
    case .retire(let time):
      out.put(UInt8(15))
      out.put(time.wholeNanoseconds)
    case .logFile(let kind):
      out.put(UInt8(16))
      out.put(kind.rawValue)
    case .reconfigure(let record):
      out.put(UInt8(17))
      record.encode(into: &out)
    case .retired: out.put(UInt8(18))
    case .reconfigured: out.put(UInt8(19))
    case .notReconfigured(let reason):
      out.put(UInt8(50))
      out.put(reason)
    default: encodeQueueFields(into: &out)
    }
  }

  private func encodeQueueFields(into out: inout WireEncoder) {
    switch self {
    case .writerHello(let marks):
      out.put(UInt8(20))
      out.put(UInt32(marks.count))
      for mark in marks { out.put(mark) }
    case .watermark(let mark):
      out.put(UInt8(21))
      out.put(mark)
    case .intake(let accepting, let reason):
      out.put(UInt8(22))
      out.put(accepting)
      out.put(reason)
    case .segment(let nonce):
      out.put(UInt8(30))
      out.put(nonce)
    case .deliver(let request):
      out.put(UInt8(31))
      request.encode(into: &out)
    case .acknowledge(let ids):
      out.put(UInt8(32))
      out.put(UInt32(ids.count))
      for id in ids { out.put(id) }
    case .forget(let nonce):
      out.put(UInt8(33))
      out.put(nonce)
    case .agentHolds(let inHand, let results):
      out.put(UInt8(36))
      out.put(inHand, results)
    case .agentHello(let inHand, let results, let capacity):
      out.put(UInt8(34))
      out.put(inHand, results)
      out.put(capacity)
    case .result(let result):
      out.put(UInt8(35))
      result.encode(into: &out)
    case .agentLeaves: out.put(UInt8(37))
    case .agentReleased: out.put(UInt8(38))
    case .queueCommand(let id, let command):
      out.put(UInt8(40))
      out.put(id)
      out.put(command)
    case .queueAnswer(let id, let part, let last):
      out.put(UInt8(41))
      out.put(id)
      out.put(part)
      out.put(last)
    default: preconditionFailure("a message that has no code")
    }
  }

  /// Reads one message that `encode(into:)` wrote.
  init(from input: inout WireDecoder) throws(WireError) {
    switch try input.integer(UInt8.self) {
    case 1: self = .start(try StartRecord(from: &input))
    case 2: self = .channel(try input.processName(), pid: try input.integer())
    case 3: self = .channelsComplete
    case 4: self = .drain
    case 5: self = .sequences(first: try input.integer(), count: try input.integer())
    case 6: self = .ready
    case 7: self = .failed(try input.string())
    case 8: self = .needSequences
    case 9: self = .mute(try input.processName())
    case 10: self = .channelEnded(try input.processName(), pid: try input.integer())
    case 11: self = .resultsFile
    case 12: self = .ping
    case 13: self = .refuse(try RefusedClients.Entry(from: &input))
    case 14: self = .trace(try TraceFilter(from: &input))
    case 15: self = .retire(within: .nanoseconds(try input.integer(Int64.self)))
    case 16:
      guard let kind = LogKind(rawValue: try input.integer()) else { throw .invalid }
      self = .logFile(kind)
    case 17: self = .reconfigure(try StartRecord(from: &input))
    case 18: self = .retired
    case 19: self = .reconfigured
    case 20:
      self = .writerHello(
        try input.list { (input) throws(WireError) in try input.segmentMark() })
    case 21: self = .watermark(try input.segmentMark())
    case 22: self = .intake(accepting: try input.bool(), reason: try input.string())
    case 30: self = .segment(try input.nonce())
    case 31: self = .deliver(try DeliveryRequest(from: &input))
    case 32:
      self = .acknowledge(try input.list { (input) throws(WireError) in try input.integer() })
    case 33: self = .forget(try input.nonce())
    case 34:
      self = .agentHello(
        inHand: try input.references(), results: try input.results(),
        capacity: try input.integer())
    case 36: self = .agentHolds(inHand: try input.references(), results: try input.results())
    case 35: self = .result(try DeliveryResult(from: &input))
    case 37: self = .agentLeaves
    case 38: self = .agentReleased
    case 40: self = .queueCommand(id: try input.integer(), command: try input.byteString())
    case 41:
      self = .queueAnswer(
        id: try input.integer(), part: try input.byteString(), last: try input.bool())
    case 50: self = .notReconfigured(try input.string())
    default: throw .invalid
    }
  }

  /// Reads every message of a packet, in order.
  package static func decode(
    packet: UnsafeRawBufferPointer, _ handle: (InternalMessage) -> Void
  ) throws(WireError) {
    var input = WireDecoder(packet)
    let version = try input.integer(UInt8.self)
    guard version == protocolVersion else { throw .version(version) }
    while input.remaining > 0 {
      var body = try input.nested()
      let message = try InternalMessage(from: &body)
      guard body.remaining == 0 else { throw .invalid }
      handle(message)
    }
  }
}

extension WireEncoder {
  mutating func put(_ peer: ProcessName) {
    put(peer.role.code)
    put(peer.index)
  }

  mutating func put(_ inHand: [DeliveryReference], _ results: [DeliveryResult]) {
    put(UInt32(inHand.count))
    for reference in inHand { reference.encode(into: &self) }
    put(UInt32(results.count))
    for result in results { result.encode(into: &self) }
  }

  mutating func put(_ mark: SegmentMark) {
    put(mark.fileName)
    put(mark.nonce)
    put(mark.end)
    put(mark.sealed)
  }
}

extension WireDecoder {
  mutating func references() throws(WireError) -> [DeliveryReference] {
    try list { (input) throws(WireError) in try DeliveryReference(from: &input) }
  }

  mutating func results() throws(WireError) -> [DeliveryResult] {
    try list { (input) throws(WireError) in try DeliveryResult(from: &input) }
  }

  mutating func processName() throws(WireError) -> ProcessName {
    ProcessName(role: try Role(code: try integer()), index: try integer())
  }

  mutating func segmentMark() throws(WireError) -> SegmentMark {
    SegmentMark(
      fileName: try string(), nonce: try nonce(), end: try integer(), sealed: try bool())
  }
}
