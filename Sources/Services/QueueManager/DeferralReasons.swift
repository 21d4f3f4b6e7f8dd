import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor

/// Why recipients of a segment's messages have not got their mail, as its journal says: the last
/// word about each. Words that are the same for many are stored once.
struct DeferralReasons: Sendable {
  private struct Place: Hashable {
    let offset: UInt64
    let recipient: UInt32
  }

  private var last: [Place: (id: QueueID, attempt: DeliveryAttempt)] = [:]

  /// What these entries say, in their order.
  init(_ entries: [JournalEntry]) {
    var words: Set<DeliveryAttempt> = []
    for entry in entries {
      guard case .deferred(let attempt, _) = entry.event, let recipient = entry.recipient else {
        continue
      }
      let shared = words.insert(attempt).memberAfterInsert
      last[Place(offset: entry.offset, recipient: recipient)] = (entry.id, shared)
    }
  }

  /// How many recipients it knows.
  var count: Int { last.count }

  /// The last attempt that put off a recipient of a message.
  func reason(of id: QueueID, at offset: UInt64, recipient: UInt32) -> DeliveryAttempt? {
    let found = last[Place(offset: offset, recipient: recipient)]
    return found?.id == id ? found?.attempt : nil
  }
}

extension MailQueue {
  /// A message whose envelope is not in memory, with nothing known of its recipients; `nil` when
  /// its record cannot be read.
  func read(_ record: MessageRecord) async -> ActiveMessage? {
    let disk = disk
    let reading = RecordReading(record, in: self)
    let stored = await reader.perform { reading.read(on: disk) }
    guard case .success(let found) = stored, let envelope = found.envelope else { return nil }
    return ActiveMessage(
      ref: record.ref, id: record.id, offset: record.offset, segment: record.segment,
      envelope: envelope,
      recipients: envelope.recipients.map(ActiveRecipient.init), activated: clock.wallNow)
  }

  /// How long results of the last moment are waited for.
  private static let patience = Duration.seconds(1)

  /// Reads the reasons from a segment's journal. That takes the longer the more the journal holds:
  /// whoever asks for several messages keeps them.
  func deferralReasons(in segment: Segment) async -> DeferralReasons {
    reasonReadings += 1
    await journals.write(deadline: Reactor.shared.now + Self.patience)
    let journal = segment.journal
    return await journalHelper.perform {
      do throws(SpoolError) {
        return DeferralReasons(try journal.contents())
      } catch {
        // A message without a reason is told of all the same; what writes the journal reports it.
        return DeferralReasons([])
      }
    }
  }
}
