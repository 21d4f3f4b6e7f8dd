import MailTypes
import Primitives

/// The numbers under which attributes are stored; bit 15 marks what a reader must understand.
private enum AttributeType {
  static let sender: UInt16 = 1
  static let recipient: UInt16 = 2
  static let arrival: UInt16 = 3
  static let clientName: UInt16 = 4
  static let clientAddress: UInt16 = 5
  static let clientPort: UInt16 = 6
  static let helo: UInt16 = 7
  static let protocolName: UInt16 = 8
  static let envelopeID: UInt16 = 9
  static let returnContent: UInt16 = 10
  static let sasl: UInt16 = 11
  static let stuffedDots: UInt16 = 12
  static let pickupSource: UInt16 = 13
  static let served: UInt16 = 14
  static let origin: UInt16 = 0x8001
  static let contentFilter: UInt16 = 0x8002
  /// A recipient that is no plain address.
  static let specialRecipient: UInt16 = 0x8003
  static let mustUnderstand: UInt16 = 0x8000
}

/// Bytes in front of each attribute: its number and the length of its value.
private let attributeLeadSize = 6

extension Envelope {
  /// Appends the stored form: attributes one after another.
  package func encode(into bytes: inout [UInt8]) {
    bytes.append(attribute: AttributeType.sender, sender.bytes)
    bytes.append(attributeLead: AttributeType.arrival, length: 8)
    bytes.append(integer: arrival.microseconds)
    for recipient in recipients { recipient.encode(into: &bytes) }
    bytes.append(nonEmpty: AttributeType.clientName, client.name)
    bytes.append(nonEmpty: AttributeType.clientAddress, client.address)
    if client.port != 0 {
      bytes.append(attributeLead: AttributeType.clientPort, length: 2)
      bytes.append(integer: client.port)
    }
    bytes.append(nonEmpty: AttributeType.helo, client.helo)
    bytes.append(nonEmpty: AttributeType.protocolName, client.protocolName)
    bytes.append(nonEmpty: AttributeType.envelopeID, envelopeID)
    encodeRare(into: &bytes)
  }

  private func encodeRare(into bytes: inout [UInt8]) {
    if let returnContent {
      bytes.append(attribute: AttributeType.returnContent, [returnContent.rawValue])
    }
    if let sasl {
      bytes.append(
        attributeLead: AttributeType.sasl,
        length: 6 + sasl.method.count + sasl.user.count + sasl.sender.count)
      bytes.append(shortBytes: sasl.method)
      bytes.append(shortBytes: sasl.user)
      bytes.append(shortBytes: sasl.sender)
    }
    if !stuffedDots.isEmpty {
      bytes.append(attributeLead: AttributeType.stuffedDots, length: 8 * stuffedDots.count)
      for offset in stuffedDots { bytes.append(integer: offset) }
    }
    if let pickupSource {
      bytes.append(
        attributeLead: AttributeType.pickupSource, length: 18 + pickupSource.name.count)
      bytes.append(integer: pickupSource.inode)
      bytes.append(integer: pickupSource.changed.microseconds)
      bytes.append(shortBytes: pickupSource.name)
    }
    if let origin {
      bytes.append(attributeLead: AttributeType.origin, length: 24)
      bytes.append(nonce: origin.nonce)
      bytes.append(integer: origin.offset)
    }
    bytes.append(nonEmpty: AttributeType.contentFilter, contentFilter)
    for recipient in served { recipient.encodeSpecial(AttributeType.served, into: &bytes) }
    for other in others { bytes.append(attribute: other.type, other.value) }
  }

  /// Reads an envelope extent.
  ///
  /// - Throws: `.damaged` when attributes do not fit; `.notUnderstood` when one must be known and
  ///   is not.
  package init(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    self.init(sender: .null, recipients: [], arrival: WallTime(microseconds: 0))
    var cursor = ByteCursor(bytes)
    while cursor.remaining > 0 {
      let type = try cursor.integer(UInt16.self)
      let length = try cursor.integer(UInt32.self)
      var value = ByteCursor(try cursor.slice(Int(length)))
      if try !take(type, &value), try !takeRare(type, &value) {
        guard type & AttributeType.mustUnderstand == 0 else { throw .notUnderstood }
        others.append(EnvelopeAttribute(type: type, value: [UInt8](value.bytes)))
        continue
      }
    }
  }

  private mutating func take(_ type: UInt16, _ value: inout ByteCursor) throws(FormatError) -> Bool
  {
    switch type {
    case AttributeType.sender: sender = MailAddress([UInt8](value.bytes))
    case AttributeType.recipient: recipients.append(try EnvelopeRecipient(&value))
    case AttributeType.specialRecipient:
      recipients.append(try EnvelopeRecipient(special: &value))
    case AttributeType.arrival:
      arrival = WallTime(microseconds: try value.integer(Int64.self))
    case AttributeType.clientName: client.name = [UInt8](value.bytes)
    case AttributeType.clientAddress: client.address = [UInt8](value.bytes)
    case AttributeType.clientPort: client.port = try value.integer(UInt16.self)
    case AttributeType.helo: client.helo = [UInt8](value.bytes)
    case AttributeType.protocolName: client.protocolName = [UInt8](value.bytes)
    case AttributeType.envelopeID: envelopeID = [UInt8](value.bytes)
    default: return false
    }
    return true
  }

  private mutating func takeRare(
    _ type: UInt16, _ value: inout ByteCursor
  ) throws(FormatError) -> Bool {
    switch type {
    case AttributeType.returnContent:
      returnContent = ReturnContent(rawValue: try value.integer(UInt8.self))
    case AttributeType.sasl:
      sasl = SASLAttributes(
        method: try value.shortBytes(), user: try value.shortBytes(),
        sender: try value.shortBytes())
    case AttributeType.stuffedDots:
      stuffedDots.reserveCapacity(value.remaining / 8)
      while value.remaining > 0 { stuffedDots.append(try value.integer(UInt64.self)) }
    case AttributeType.pickupSource:
      let inode = try value.integer(UInt64.self)
      let changed = WallTime(microseconds: try value.integer(Int64.self))
      pickupSource = PickupSource(
        name: try value.shortBytes(), inode: inode, changed: changed)
    case AttributeType.origin:
      origin = RecordPlace(nonce: try value.nonce(), offset: try value.integer(UInt64.self))
    case AttributeType.contentFilter: contentFilter = [UInt8](value.bytes)
    case AttributeType.served: served.append(try EnvelopeRecipient(special: &value))
    default: return false
    }
    return true
  }
}

extension EnvelopeRecipient {
  private static let hasNotify: UInt8 = 1 << 7

  /// The bytes of a text that are stored: its length is a 16-bit number.
  private static func stored(_ text: [UInt8]) -> Int { min(text.count, Int(UInt16.max)) }

  fileprivate func encode(into bytes: inout [UInt8]) {
    guard kind == .address else {
      return encodeSpecial(AttributeType.specialRecipient, into: &bytes)
    }
    bytes.append(attributeLead: AttributeType.recipient, length: storedSize)
    encodeValue(into: &bytes)
  }

  /// The form that says what the address names.
  fileprivate func encodeSpecial(_ type: UInt16, into bytes: inout [UInt8]) {
    bytes.append(
      attributeLead: type,
      length: RecipientKind.storedSize + storedSize + (kind.checksum == nil ? 0 : 4))
    kind.encode(into: &bytes)
    encodeValue(into: &bytes)
    // Behind what earlier builds read, which pass it over.
    if let checksum = kind.checksum { bytes.append(integer: checksum) }
  }

  private var storedSize: Int {
    8 + Self.stored(address.bytes) + Self.stored(original?.bytes ?? []) + Self.stored(dsnOriginal)
  }

  private func encodeValue(into bytes: inout [UInt8]) {
    bytes.append(notify.map { $0.rawValue | Self.hasNotify } ?? 0)
    bytes.append(original == nil ? 0 : 1)
    bytes.append(shortBytes: address.bytes)
    bytes.append(shortBytes: original?.bytes ?? [])
    bytes.append(shortBytes: dsnOriginal)
  }

  fileprivate init(special value: inout ByteCursor) throws(FormatError) {
    let kind = try RecipientKind(&value)
    self = try EnvelopeRecipient(&value)
    self.kind = try kind.withChecksum(&value)
  }

  fileprivate init(_ value: inout ByteCursor) throws(FormatError) {
    let notifyByte = try value.integer(UInt8.self)
    let hasOriginal = try value.integer(UInt8.self) != 0
    address = MailAddress(try value.shortBytes())
    let originalBytes = try value.shortBytes()
    original = hasOriginal ? MailAddress(originalBytes) : nil
    notify =
      notifyByte & Self.hasNotify == 0
      ? nil : DeliveryNotify(rawValue: notifyByte & ~Self.hasNotify)
    dsnOriginal = try value.shortBytes()
  }
}

extension RecipientKind {
  /// Bytes of its stored form.
  fileprivate static let storedSize = 10

  private static let storedAddress: UInt8 = 0
  private static let storedProgram: UInt8 = 1
  private static let storedAlias: UInt8 = 2

  fileprivate func encode(into bytes: inout [UInt8]) {
    var place = AliasProgramPlace(index: 0, count: 0, flags: 0, checksum: nil)
    switch self {
    case .address: bytes.append(Self.storedAddress)
    case .program(let named):
      place = named
      bytes.append(Self.storedProgram)
    case .alias: bytes.append(Self.storedAlias)
    }
    bytes.append(place.flags)
    bytes.append(integer: place.index)
    bytes.append(integer: place.count)
  }

  fileprivate init(_ value: inout ByteCursor) throws(FormatError) {
    let number = try value.integer(UInt8.self)
    let flags = try value.integer(UInt8.self)
    let index = try value.integer(UInt32.self)
    let count = try value.integer(UInt32.self)
    switch number {
    case Self.storedAddress: self = .address
    case Self.storedProgram:
      self = .program(
        AliasProgramPlace(index: index, count: count, flags: flags, checksum: nil))
    case Self.storedAlias: self = .alias
    default: throw .notUnderstood
    }
  }

  fileprivate var checksum: UInt32? {
    guard case .program(let place) = self else { return nil }
    return place.checksum
  }

  /// With the checksum that follows the recipient, if there is one.
  fileprivate func withChecksum(_ value: inout ByteCursor) throws(FormatError) -> RecipientKind {
    guard case .program(let place) = self, value.remaining > 0 else { return self }
    return .program(
      AliasProgramPlace(
        index: place.index, count: place.count, flags: place.flags,
        checksum: try value.integer(UInt32.self)))
  }
}

extension [UInt8] {
  fileprivate mutating func append(attributeLead type: UInt16, length: Int) {
    append(integer: type)
    append(integer: UInt32(length))
  }

  fileprivate mutating func append(attribute type: UInt16, _ value: [UInt8]) {
    append(attributeLead: type, length: value.count)
    append(contentsOf: value)
  }

  fileprivate mutating func append(nonEmpty type: UInt16, _ value: [UInt8]) {
    if !value.isEmpty { append(attribute: type, value) }
  }
}
