import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Reads again what is known of messages outside memory, when the scheduler wants them in the
/// active window: all that one round of orders asked for in one visit to the helper.
@ReactorActor
final class Loader {
  private unowned let queue: MailQueue
  private var wanted: [MessageRecord] = []
  private var isRunning = false

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Whether nothing is being read.
  var isIdle: Bool { wanted.isEmpty && !isRunning }

  /// The scheduler wants this message.
  func add(_ ref: MessageRef) {
    wanted.append(queue.record(of: ref))
  }

  /// Begins to read what has been added.
  func start() {
    guard !isRunning, !wanted.isEmpty else { return }
    isRunning = true
    reactorTask {
      while !self.wanted.isEmpty {
        let records = self.wanted
        self.wanted.removeAll(keepingCapacity: true)
        await self.load(records)
        self.queue.plan()
      }
      self.isRunning = false
    }
  }

  private func load(_ records: [MessageRecord]) async {
    await queue.journals.prepare(records.map(\.segment))
    let disk = queue.disk
    let readings = records.map { RecordReading($0, in: queue) }
    let results = await queue.reader.perform { readings.map { $0.read(on: disk) } }
    defer { queue.marks?.loading.end() }
    for (record, result) in zip(records, results) {
      queue.marks?.loading.begin(
        RecordPlace(nonce: record.segment.name.nonce, offset: record.offset))
      switch result {
      case .success(let stored): await route(record, stored)
      case .failure(let error):
        fail(record, "its record cannot be read: \(error)", holds: error == .damaged)
      }
    }
  }

  private func route(_ record: MessageRecord, _ stored: StoredRecord) async {
    guard record.segment.isPrepared else {
      return fail(record, "its journal cannot be written", holds: false)
    }
    guard let envelope = stored.envelope else {
      return fail(record, "its record is not understood", holds: true)
    }
    guard let recipients = await queue.openRecipients(of: envelope, record.ref) else {
      return fail(record, "its recipients have no route for now", holds: false)
    }
    queue.scheduler.correct(
      record.ref, arrival: queue.clock.monotonic(envelope.arrival),
      isFromNullSender: envelope.sender.isNull)
    let end = queue.scheduler.route(
      record.ref, routed: queue.routed(recipients), now: Reactor.shared.now)
    if let end { return queue.ended(record.ref, end) }
    queue.endedRecipients[record.ref] = nil
    queue.activate(record.ref, stored.lead, envelope, recipients, of: record.segment)
  }

  /// A message stays in the queue, is reported, and waits for another day or for an order.
  private func fail(_ record: MessageRecord, _ reason: String, holds: Bool) {
    queue.log.line("qmgr", severity: .error) {
      $0.append(text: "error: ")
      $0.append(queueID: record.id)
      $0.append(text: ": ")
      $0.append(string: reason)
      if holds { $0.append(text: "; placed on hold") }
    }
    if holds {
      _ = queue.scheduler.hold(record.id, now: Reactor.shared.now)
      queue.journals.append(
        record.entry(.held(reason: Array(reason.utf8)), time: queue.clock.wallNow),
        to: record.segment)
    }
    let end = queue.scheduler.loadFailed(record.ref, now: Reactor.shared.now)
    queue.ended(record.ref, end)
  }
}

/// What the reading helper needs for a record.
struct RecordReading: Sendable {
  let file: LinuxDisk.File
  let place: RecordPlace
  let id: QueueID
  /// Says meanwhile which record the helper has in hand.
  private let mark: RecordMark?

  @ReactorActor
  init(_ record: MessageRecord, in queue: MailQueue) {
    file = record.segment.file
    place = RecordPlace(nonce: record.segment.name.nonce, offset: record.offset)
    id = record.id
    mark = queue.marks?.reading
  }

  /// Reads the record's lead and envelope, on the queue's reading helper. Blocks.
  func read(on disk: LinuxDisk) -> Result<StoredRecord, SpoolError> {
    mark?.begin(place)
    defer { mark?.end() }
    return Result { () throws(SpoolError) in
      try SegmentReader.record(on: disk, file: file, place: place, id: id)
    }
  }
}
