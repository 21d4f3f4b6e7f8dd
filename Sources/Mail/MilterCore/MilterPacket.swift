import Primitives

/// One packet of the milter protocol: a code and what belongs to it.
package struct MilterPacket: Equatable, Sendable {
  /// The letter that says what it is.
  package let code: UInt8
  /// Its data.
  package let data: [UInt8]

  /// Makes a packet.
  package init(code: UInt8, data: [UInt8]) {
    self.code = code
    self.data = data
  }
}

/// What a milter did against the protocol, or what kept it from answering; log lines say it.
package enum MilterFault: Error, Equatable, Sendable {
  /// A packet of this length.
  case packetLength(UInt32)
  /// A packet that does not hold what its code needs.
  case malformed(UInt8)
  /// A packet that has no place there.
  case unexpected(UInt8)
  /// A version that was not offered.
  case version(UInt32)
  /// Actions or steps that were not offered.
  case options(UInt32)
  /// DISCARD before there is a message.
  case discardWithoutMessage
  /// A change that was not agreed on.
  case actionNotAgreed(UInt8)
  /// More changes of one message than this.
  case edits(Int)
}

extension MilterFault: CustomStringConvertible {
  /// What is wrong, for the log.
  package var description: String {
    switch self {
    case .packetLength(let length): "a packet of \(length) bytes"
    case .malformed(let code): "a malformed packet of type '\(Self.name(code))'"
    case .unexpected(let code): "an unexpected packet of type '\(Self.name(code))'"
    case .version(let version): "unexpected protocol version \(version)"
    case .options(let bits): "options that were not offered: 0x\(String(bits, radix: 16))"
    case .discardWithoutMessage: "DISCARD action is not allowed for connect or helo"
    case .actionNotAgreed(let code): "action '\(Self.name(code))' was not agreed on"
    case .edits(let limit): "more than \(limit) changes of one message (milter_edit_limit)"
    }
  }

  private static func name(_ code: UInt8) -> String {
    code > ASCII.space && code < 0x7f
      ? String(decoding: [code], as: UTF8.self) : "0x\(String(code, radix: 16))"
  }
}

/// Takes packets out of a stream of bytes. Their length is checked before room is made for them.
package struct MilterPacketReader: Sendable {
  /// The longest packet that is taken: a milter cuts what it sends at 64 KiB, and a code and some
  /// numbers go before that.
  package static let lengthMax: UInt32 = 64 << 10 + 64

  private var buffer: [UInt8] = []
  private var start = 0

  /// A reader at the beginning of a stream.
  package init() {}

  /// Takes what came. The caller asks for packets before it gives more.
  package mutating func take(_ bytes: UnsafeRawBufferPointer) {
    if start > 0 {
      buffer.removeFirst(start)
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next packet; `nil` when more has to come first.
  ///
  /// - Throws: `.packetLength` for one that is empty or too long; nothing behind it makes sense.
  package mutating func next() throws(MilterFault) -> MilterPacket? {
    guard buffer.count - start >= 4 else { return nil }
    let length = buffer[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard length >= 1, length <= Self.lengthMax else { throw .packetLength(length) }
    let end = start + 4 + Int(length)
    guard buffer.count >= end else { return nil }
    let packet = MilterPacket(code: buffer[start + 4], data: Array(buffer[(start + 5)..<end]))
    start = end
    if start == buffer.count {
      buffer.removeAll(keepingCapacity: false)
      start = 0
    }
    return packet
  }
}

/// Reads the data of a packet.
struct MilterDataCursor {
  private var rest: ArraySlice<UInt8>
  private let code: UInt8

  init(_ packet: MilterPacket) {
    rest = packet.data[...]
    code = packet.code
  }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func number() throws(MilterFault) -> UInt32 {
    guard rest.count >= 4 else { throw .malformed(code) }
    defer { rest = rest.dropFirst(4) }
    return rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// A text and the NUL that ends it.
  mutating func text() throws(MilterFault) -> [UInt8] {
    guard let end = rest.firstIndex(of: 0) else { throw .malformed(code) }
    defer { rest = rest[(end + 1)...] }
    return Array(rest[..<end])
  }
}

extension [UInt8] {
  mutating func append(milterNumber number: UInt32) {
    for shift in [24, 16, 8, 0] { append(UInt8(truncatingIfNeeded: number >> UInt32(shift))) }
  }

  /// Appends a text up to its first NUL, which would end it, and the NUL that ends it.
  mutating func append(milterText text: some Sequence<UInt8>) {
    append(contentsOf: text.prefix { $0 != 0 })
    append(0)
  }

  /// Appends a packet of which `body` appends the data.
  mutating func append(milterPacket code: UInt8, _ body: (inout [UInt8]) -> Void = { _ in }) {
    let start = count
    append(milterNumber: 0)
    append(code)
    body(&self)
    let length = UInt32(count - start - 4)
    for (index, shift) in [24, 16, 8, 0].enumerated() {
      self[start + index] = UInt8(truncatingIfNeeded: length >> UInt32(shift))
    }
  }
}
