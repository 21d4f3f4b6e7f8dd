import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// A list of the queue on its way to somebody who asked for it, one part after the other.
///
/// Nothing of it is kept between parts but the place, and the reasons of the segment last read:
/// they stand in its journal.
@ReactorActor
final class Listing {
  /// Messages looked up at once.
  private static let messagesPerVisit = 64
  /// Recipients after which no further message is looked up, so that memory is bounded.
  private static let recipientsPerVisit = 2000
  /// The longest part in bytes, which leaves room for the rest of a packet (spool rule R27).
  private static let partLengthMax = 48 << 10

  /// How long results of the last moment are waited for.
  private static let patience = Duration.seconds(1)

  private let queue: MailQueue
  private var cursor: UInt32? = 0
  private var waiting: [QueueListEntry] = []
  private var reasons: (segment: UInt32, journal: Reasons)?

  /// The last word about recipients, by record and index.
  private typealias Reasons = [UInt64: [UInt32: [UInt8]]]

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
    let readings = items.map { RecordReading($0.record) }
    let disk = queue.disk
    let found = await queue.reader.perform { readings.map { $0.read(on: disk) } }
    for (place, item) in items.enumerated() {
      // What cannot be read now, or is gone by now, is left out.
      guard case .success(let stored) = found[place], let envelope = stored.envelope else {
        continue
      }
      let reasons = await reasons(in: item.record.segment)[item.record.offset] ?? [:]
      let open = envelope.recipients.enumerated().filter {
        !ended[place].contains(UInt32($0.offset))
      }
      waiting += Self.pieces(
        QueueListEntry(
          id: item.summary.id, state: .init(item.summary.queue), arrival: envelope.arrival,
          size: stored.lead.contentSize, sender: envelope.sender,
          recipients: open.map {
            QueueListEntry.Recipient(
              address: $0.element.address, reason: reasons[UInt32($0.offset)] ?? [])
          }, isToExpire: item.summary.isToExpire))
    }
  }

  private func reasons(in segment: Segment) async -> Reasons {
    if let reasons, reasons.segment == segment.number { return reasons.journal }
    await queue.journals.write(deadline: Reactor.shared.now + Self.patience)
    let journal = segment.journal
    let fresh = await queue.journalHelper.perform { () -> Reasons in
      var reasons: Reasons = [:]
      guard let entries = try? journal.contents() else { return reasons }
      for entry in entries {
        guard case .deferred(let attempt, _) = entry.event, let recipient = entry.recipient
        else { continue }
        reasons[entry.offset, default: [:]][recipient] = attempt.reply
      }
      return reasons
    }
    reasons = (segment.number, fresh)
    return fresh
  }
}

extension MailQueue {
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
