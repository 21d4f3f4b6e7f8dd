package import MailTypes
import Primitives

/// The numbers under which events are stored.
///
/// These are the kinds of the first format, which is not released yet. From its release on a new
/// kind belongs to the next format and is written in no earlier one: a build that does not know it
/// holds the mail.
private enum EventKind {
  static let delivered: UInt16 = 1
  static let deferred: UInt16 = 2
  static let bounced: UInt16 = 3
  static let done: UInt16 = 4
  static let held: UInt16 = 5
  static let released: UInt16 = 6
  static let deleted: UInt16 = 7
  static let requeued: UInt16 = 8
  static let redirected: UInt16 = 9
  static let relocated: UInt16 = 10
  static let processDied: UInt16 = 11
  static let setAside: UInt16 = 12
  static let sealed: UInt16 = 13
  static let records: UInt16 = 14
  static let recordsComplete: UInt16 = 15
  static let intake: UInt16 = 16
  static let expiryOrdered: UInt16 = 17
  static let requeueOrdered: UInt16 = 18
  static let delayReported: UInt16 = 19
}

/// The stored form of entries: checksum, length, number, kind, flags, recipient, time, offset,
/// id, then what the kind asks for, padded to 8 bytes.
package enum JournalCodec {
  /// Bytes of an entry in front of what its kind asks for.
  package static let leadSize = 56
  /// The longest entry; a length above it is damage.
  package static let entryLengthMax = 128 << 10
  /// Entries start on borders of this size.
  package static let entryBorder = 8
  private static let endsMessage: UInt16 = 1
  private static let hasRecipient: UInt16 = 2

  /// The checksum from which those of a journal's entries start, so that an entry of another
  /// journal in a reused disk block is none.
  package static func seed(_ nonce: Nonce) -> CRC32C {
    var bytes: [UInt8] = []
    bytes.append(nonce: nonce)
    var sum = CRC32C()
    sum.update(bytes)
    return sum
  }

  /// Appends the stored form of an entry under `number`.
  package static func append(
    _ entry: JournalEntry, number: UInt64, seed: CRC32C, to bytes: inout [UInt8]
  ) {
    let start = bytes.count
    bytes.append(integer: UInt64(0))
    bytes.append(integer: number)
    bytes.append(integer: kind(of: entry.event))
    bytes.append(
      integer: (entry.endsMessage ? endsMessage : 0)
        | (entry.recipient == nil ? 0 : hasRecipient))
    bytes.append(integer: entry.recipient ?? 0)
    bytes.append(integer: entry.time.microseconds)
    bytes.append(integer: entry.offset)
    bytes.append(queueID: entry.id)
    appendPayload(entry.event, to: &bytes)
    let length = bytes.count - start
    precondition(length <= entryLengthMax, "a journal entry is bounded by its makers")
    let padding = -length & (entryBorder - 1)
    bytes.append(contentsOf: repeatElement(0, count: padding))
    bytes.withUnsafeMutableBytes { all in
      all.put(UInt32(length), at: start + 4)
      var sum = seed
      sum.update(UnsafeRawBufferPointer(rebasing: all[(start + 4)..<(start + length)]))
      all.put(sum.value, at: start)
    }
  }

  private static func kind(of event: JournalEvent) -> UInt16 {
    switch event {
    case .delivered: EventKind.delivered
    case .deferred: EventKind.deferred
    case .bounced: EventKind.bounced
    case .done: EventKind.done
    case .held: EventKind.held
    case .released: EventKind.released
    case .deleted: EventKind.deleted
    case .requeued: EventKind.requeued
    case .redirected: EventKind.redirected
    case .relocated: EventKind.relocated
    case .processDied: EventKind.processDied
    case .setAside: EventKind.setAside
    case .sealed: EventKind.sealed
    case .records: EventKind.records
    case .recordsComplete: EventKind.recordsComplete
    case .intake: EventKind.intake
    case .expiryOrdered: EventKind.expiryOrdered
    case .requeueOrdered: EventKind.requeueOrdered
    case .delayReported: EventKind.delayReported
    case .unknown(let kind, _): kind
    }
  }

  private static func appendPayload(_ event: JournalEvent, to bytes: inout [UInt8]) {
    switch event {
    case .delivered(let attempt), .bounced(let attempt): append(attempt, to: &bytes)
    case .deferred(let attempt, let until):
      bytes.append(integer: until.microseconds)
      append(attempt, to: &bytes)
    case .done, .released, .deleted, .expiryOrdered, .requeueOrdered, .delayReported: break
    case .held(let reason), .setAside(let reason):
      bytes.append(shortBytes: Array(reason.prefix(SpoolLayout.replyLengthMax)))
    case .requeued(let id): bytes.append(queueID: id)
    case .redirected(let address): bytes.append(shortBytes: address.bytes)
    case .relocated(let place):
      bytes.append(nonce: place.nonce)
      bytes.append(integer: place.offset)
    case .processDied(let count): bytes.append(integer: count)
    case .sealed(let end, let reason):
      bytes.append(integer: end)
      bytes.append(reason.rawValue)
    case .records(let rows): append(rows, to: &bytes)
    case .recordsComplete(let count): bytes.append(integer: count)
    case .intake(let end): bytes.append(integer: end)
    case .unknown(_, let payload): bytes.append(contentsOf: payload)
    }
  }

  private static func append(_ attempt: DeliveryAttempt, to bytes: inout [UInt8]) {
    bytes.append(attempt.status.statusClass)
    bytes.append(0)
    bytes.append(integer: attempt.status.subject)
    bytes.append(integer: attempt.status.detail)
    bytes.append(cut: attempt.nextHop)
    bytes.append(cut: attempt.reply)
  }

  private static func append(_ rows: [RecordRow], to bytes: inout [UInt8]) {
    precondition(rows.count <= RecordRow.perEntryMax, "the table is written in parts")
    bytes.append(integer: UInt32(rows.count))
    for row in rows {
      bytes.append(queueID: row.id)
      bytes.append(integer: row.offset)
      bytes.append(integer: row.recipientCount)
      bytes.append(integer: row.flags.rawValue)
      bytes.append(integer: row.contentSize)
    }
  }
}

extension [UInt8] {
  fileprivate mutating func append(cut text: [UInt8]) {
    let count = Swift.min(text.count, SpoolLayout.replyLengthMax)
    append(integer: UInt16(count))
    append(contentsOf: text[..<count])
  }
}

extension JournalCodec {
  /// Reads the entry whose stored form is `bytes`, of which length and checksum have been judged.
  /// One whose payload is none of ours is kept as unknown: it was whole when it was written.
  static func entry(_ bytes: UnsafeRawBufferPointer) throws(FormatError) -> JournalEntry {
    var cursor = ByteCursor(bytes)
    _ = try cursor.integer(UInt64.self)
    let number = try cursor.integer(UInt64.self)
    let kind = try cursor.integer(UInt16.self)
    let flags = try cursor.integer(UInt16.self)
    let recipient = try cursor.integer(UInt32.self)
    let time = WallTime(microseconds: try cursor.integer(Int64.self))
    let offset = try cursor.integer(UInt64.self)
    let id = try cursor.queueID()
    let payload = cursor
    let event: JournalEvent
    do {
      event = try self.event(kind, &cursor)
    } catch {
      var payload = payload
      event = .unknown(kind: kind, payload: [UInt8](try payload.slice(payload.remaining)))
    }
    var entry = JournalEntry(
      event, id: id, offset: offset,
      recipient: flags & hasRecipient == 0 ? nil : recipient,
      endsMessage: flags & endsMessage != 0, time: time)
    entry.number = number
    return entry
  }

  private static func event(
    _ kind: UInt16, _ cursor: inout ByteCursor
  ) throws(FormatError) -> JournalEvent {
    switch kind {
    case EventKind.delivered: return .delivered(try attempt(&cursor))
    case EventKind.deferred:
      let until = WallTime(microseconds: try cursor.integer(Int64.self))
      return .deferred(try attempt(&cursor), until: until)
    case EventKind.bounced: return .bounced(try attempt(&cursor))
    case EventKind.done: return .done
    case EventKind.held: return .held(reason: try cursor.shortBytes())
    case EventKind.released: return .released
    case EventKind.deleted: return .deleted
    case EventKind.requeued: return .requeued(as: try cursor.queueID())
    case EventKind.redirected: return .redirected(to: MailAddress(try cursor.shortBytes()))
    case EventKind.relocated:
      return .relocated(
        to: RecordPlace(nonce: try cursor.nonce(), offset: try cursor.integer(UInt64.self)))
    case EventKind.processDied: return .processDied(count: try cursor.integer(UInt32.self))
    case EventKind.setAside: return .setAside(reason: try cursor.shortBytes())
    case EventKind.expiryOrdered: return .expiryOrdered
    case EventKind.requeueOrdered: return .requeueOrdered
    case EventKind.delayReported: return .delayReported
    default: return try segmentEvent(kind, &cursor)
    }
  }

  private static func segmentEvent(
    _ kind: UInt16, _ cursor: inout ByteCursor
  ) throws(FormatError) -> JournalEvent {
    switch kind {
    case EventKind.sealed:
      let end = try cursor.integer(UInt64.self)
      guard let reason = SealReason(rawValue: try cursor.integer(UInt8.self))
      else { throw .notUnderstood }
      return .sealed(end: end, reason: reason)
    case EventKind.records: return .records(try rows(&cursor))
    case EventKind.recordsComplete:
      return .recordsComplete(count: try cursor.integer(UInt64.self))
    case EventKind.intake: return .intake(end: try cursor.integer(UInt64.self))
    default:
      return .unknown(kind: kind, payload: [UInt8](try cursor.slice(cursor.remaining)))
    }
  }

  private static func attempt(_ cursor: inout ByteCursor) throws(FormatError) -> DeliveryAttempt {
    let statusClass = try cursor.integer(UInt8.self)
    _ = try cursor.integer(UInt8.self)
    let subject = try cursor.integer(UInt16.self)
    let detail = try cursor.integer(UInt16.self)
    return DeliveryAttempt(
      status: EnhancedStatus(statusClass, subject, detail), nextHop: try cursor.shortBytes(),
      reply: try cursor.shortBytes())
  }

  private static func rows(_ cursor: inout ByteCursor) throws(FormatError) -> [RecordRow] {
    let count = try cursor.integer(UInt32.self)
    guard count <= RecordRow.perEntryMax else { throw .damaged }
    var rows: [RecordRow] = []
    rows.reserveCapacity(Int(count))
    for _ in 0..<count {
      let id = try cursor.queueID()
      rows.append(
        RecordRow(
          id: id, offset: try cursor.integer(UInt64.self),
          recipientCount: try cursor.integer(UInt32.self),
          flags: RecordFlags(rawValue: try cursor.integer(UInt32.self)),
          contentSize: try cursor.integer(UInt64.self)))
    }
    return rows
  }
}
