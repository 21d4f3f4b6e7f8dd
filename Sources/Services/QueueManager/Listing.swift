import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// A list of the queue on its way to somebody who asked for it, one part after the other.
///
/// Nothing of it is kept between parts but the place, and the reasons of the segments last read:
/// they stand in their journals.
@ReactorActor
final class Listing {
  /// Messages looked up at once.
  private static let messagesPerVisit = 64
  /// Recipients after which no further message is looked up, so that memory is bounded.
  private static let recipientsPerVisit = 2000
  /// The longest part in bytes, which leaves room for the rest of a packet (spool rule R27).
  private static let partLengthMax = 48 << 10

  /// Segments whose reasons are kept: as many as writers may take turns in.
  private static let segmentsKept = 16
  /// Recipients whose reasons are kept.
  private static let reasonsKept = 200_000

  private let queue: MailQueue
  private var cursor: UInt32? = 0
  private var waiting: [QueueListEntry] = []
  /// By the segment's number, the one last asked for at the end.
  private var reasons: [(segment: UInt32, reasons: DeferralReasons)] = []

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// The next part, and whether it is the last one.
  func next() async -> (part: [UInt8], isLast: Bool) {
    while waiting.isEmpty, cursor != nil { await fill() }
    var out = WireEncoder()
    while let entry = waiting.first {
      let before = out.bytes.count
      if before > 0, before + Self.length(of: entry) > Self.partLengthMax { break }
      waiting.removeFirst()
      entry.encode(into: &out)
    }
    return (out.take(), waiting.isEmpty && cursor == nil)
  }

  private static func length(of entry: QueueListEntry) -> Int {
    entry.recipients.reduce(64 + entry.sender.bytes.count) { $0 + length(of: $1) }
  }

  private static func length(of recipient: QueueListEntry.Recipient) -> Int {
    8 + recipient.address.bytes.count + recipient.reason.count
  }

  /// A message with more recipients than fit a packet is told in several pieces.
  private static func pieces(_ entry: QueueListEntry) -> [QueueListEntry] {
    guard length(of: entry) > partLengthMax, entry.recipients.count > 1 else { return [entry] }
    var pieces: [QueueListEntry] = []
    var piece = entry
    piece.recipients = []
    var length = 64 + entry.sender.bytes.count
    for recipient in entry.recipients {
      if !piece.recipients.isEmpty, length + Self.length(of: recipient) > partLengthMax {
        piece.piece = pieces.isEmpty ? .first : .middle
        pieces.append(piece)
        piece.recipients.removeAll(keepingCapacity: true)
        length = 64 + entry.sender.bytes.count
      }
      piece.recipients.append(recipient)
      length += Self.length(of: recipient)
    }
    piece.piece = pieces.isEmpty ? .whole : .last
    return pieces + [piece]
  }

  private func fill() async {
    var summaries: [MessageSummary] = []
    var recipients = 0
    while let place = cursor, summaries.count < Self.messagesPerVisit,
      recipients < Self.recipientsPerVisit
    {
      let count = summaries.count
      cursor = queue.scheduler.list(from: place, limit: 1, into: &summaries)
      if summaries.count > count { recipients += summaries[count].recipientsLeft }
    }
    let items = summaries.map { (summary: $0, record: queue.record(of: $0.message)) }
    let ended = items.map { queue.ended(of: $0.record.ref) }
    let readings = items.map { RecordReading($0.record, in: queue) }
    let disk = queue.disk
    let found = await queue.reader.perform { readings.map { $0.read(on: disk) } }
    for (place, item) in items.enumerated() {
      // What cannot be read now, or is gone by now, is left out.
      guard case .success(let stored) = found[place], let envelope = stored.envelope else {
        continue
      }
      let record = item.record
      let reasons = await reasons(in: record.segment)
      let open = envelope.recipients.enumerated().filter {
        !ended[place].contains(UInt32($0.offset))
      }
      waiting += Self.pieces(
        QueueListEntry(
          id: item.summary.id, state: .init(item.summary.queue), arrival: envelope.arrival,
          size: stored.lead.contentSize, sender: envelope.sender,
          recipients: open.map {
            let index = UInt32($0.offset)
            let own = reasons.reason(of: record.id, at: record.offset, recipient: index)
            return QueueListEntry.Recipient(
              address: $0.element.address,
              reason: own?.reply ?? queue.suspension(of: index, in: record)?.text ?? [])
          }, isToExpire: item.summary.isToExpire))
    }
  }

  private func reasons(in segment: Segment) async -> DeferralReasons {
    if let place = reasons.firstIndex(where: { $0.segment == segment.number }) {
      let known = reasons.remove(at: place)
      reasons.append(known)
      return known.reasons
    }
    let fresh = await queue.deferralReasons(in: segment)
    reasons.append((segment.number, fresh))
    while reasons.count > 1,
      reasons.count > Self.segmentsKept
        || reasons.reduce(0, { $0 + $1.reasons.count }) > Self.reasonsKept
    {
      reasons.removeFirst()
    }
    return fresh
  }
}

extension MailQueue {
  /// Why a recipient who was not tried waits, if that is for a dead destination.
  func suspension(of recipient: UInt32, in record: MessageRecord) -> RecipientVerdict? {
    guard let summary = scheduler.summary(of: record.ref) else { return nil }
    return suspensions.reason(of: recipient, for: summary.destination, scheduler)
  }

  /// Recipients of a message for whom nothing is left to do.
  func ended(of ref: MessageRef) -> Set<UInt32> {
    messages[ref]?.endedRecipients ?? endedRecipients[ref] ?? []
  }
}

extension QueueListEntry.State {
  init(_ queue: MessageSummary.Queue) {
    switch queue {
    case .incoming: self = .incoming
    case .active: self = .active
    case .deferred: self = .deferred
    case .hold: self = .hold
    }
  }
}
