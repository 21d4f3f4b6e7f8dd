import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Moves the last mail out of large segments, so that they can be removed (spool rules R17, R31).
///
/// It looks when mail has left sealed segments, and at once when the disk is nearly full: then
/// the reserve (R24) pays for the copies. Messages in flight stay where they are.
@ReactorActor
final class Mover {
  /// Bytes of content that are copied in one go, and held in memory meanwhile.
  private nonisolated static let bytesPerRound = 4 << 20
  /// Messages that are copied in one go.
  private static let messagesPerRound = 256
  /// How long writes of journals, and the intake of copies, are waited for.
  private static let patience = Duration.seconds(10)
  private static let retryPause = Duration.seconds(1)
  /// The pause before the same segments are looked at again while room is short.
  private static let hurriedDelay = Duration.seconds(5)

  unowned let queue: MailQueue
  private lazy var alarm = Alarm { self.begin() }
  private var isRunning = false
  private var isDraining = false
  /// Copies that intake has not come to, by the name of the message.
  private var expected: [QueueID: MessageCopy] = [:]
  private let change = Gate()

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Something has changed that may make it worth while to move mail.
  func look(after delay: Duration) {
    guard !isDraining else { return }
    if delay == .zero || !alarm.isScheduled { alarm.schedule(at: Reactor.shared.now + delay) }
  }

  /// Begins nothing more, and waits for what is under way; false when the deadline comes first.
  func drain(deadline: MonotonicTime) async -> Bool {
    isDraining = true
    return (try? await change.wait(deadline: deadline) { isRunning }) != nil
  }

  private func begin() {
    guard !isRunning, !isDraining, queue.isOpen, queue.scanner.isComplete,
      !queue.intake.isPaused, !queue.journals.isStalled
    else { return }
    let segments = choose()
    guard !segments.isEmpty else { return }
    isRunning = true
    reactorTask {
      await self.empty(segments)
      self.isRunning = false
      self.change.pulse()
      self.look(after: self.queue.settings.relocationDelay)
    }
  }

  private func empty(_ segments: [Segment]) async {
    let delay = queue.settings.relocationDelay
    let again =
      Reactor.shared.now + (queue.pressure.lacksSpace ? min(delay, Self.hurriedDelay) : delay)
    for segment in segments { segment.movesAgainAt = again }
    let mail = await list(segments)
    var moved = 0
    var emptied = 0
    for segment in segments {
      let count = await empty(segment, of: mail[segment.number] ?? [])
      moved += count
      emptied += count > 0 ? 1 : 0
    }
    guard moved > 0 else { return }
    queue.log.information(
      "qmgr", "\(moved) messages were moved out of \(emptied) segments to free their room")
  }

  /// Waits until none of these messages is between two places, or until the deadline.
  func settle(_ ids: [QueueID], deadline: MonotonicTime) async {
    try? await change.wait(deadline: deadline) {
      ids.contains { queue.scheduler.isMoving($0) }
    }
  }

  /// Moves the messages of a segment; says how many.
  private func empty(_ segment: Segment, of messages: [MessageSummary]) async -> Int {
    var rest = messages[...]
    var moved = 0
    while !rest.isEmpty, !isDraining, !segment.isGone {
      let result = await move(Array(rest.prefix(Self.messagesPerRound)), outOf: segment)
      moved += result.moved
      guard result.seen > 0 else { break }
      rest = rest.dropFirst(result.seen)
    }
    return moved
  }

  /// Moves some messages; says how many of them are settled, none when it is better to stop.
  private func move(
    _ messages: [MessageSummary], outOf origin: Segment
  ) async -> (seen: Int, moved: Int) {
    let copies = messages.compactMap { take($0, outOf: origin) }
    guard !copies.isEmpty else { return (messages.count, 0) }
    // The origin stays as long as it is not certain what its copies are.
    origin.messageCount += 1
    defer { release(origin) }
    let isReady = await queue.journals.write(deadline: Reactor.shared.now + Self.patience)
    let records = isReady ? await read(copies) : []
    await commit(copies, records)
    report(copies)
    let arrived = copies.filter { $0.state == .arrived }
    for copy in copies where copy.state == .written || copy.state == .uncertain {
      if copy.state == .written { copy.state = .late }
      origin.messageCount += 1
    }
    if !arrived.isEmpty {
      await write(
        CopyJournal(relocating: arrived, outOf: origin, now: queue.clock.wallNow), origin)
    }
    for copy in copies { finish(copy, origin) }
    change.pulse()
    queue.plan()
    // What did not fit into memory comes with the next round.
    let unread = copies.count - records.count
    return (arrived.count < records.count ? 0 : messages.count - unread, arrived.count)
  }

  /// Takes a message out of what may be delivered, unless somebody needs it where it is.
  private func take(_ message: MessageSummary, outOf origin: Segment) -> MessageCopy? {
    let place = MessagePlace(segment: origin.number, offset: message.place.offset)
    guard !queue.bouncer.concerns(message.message),
      !queue.delayWarner.concerns(message.message), !queue.adoption.concerns(message.id),
      expected[message.id] == nil, queue.scheduler.beginMove(message.message, from: place)
    else { return nil }
    return MessageCopy(
      MessageRecord(
        ref: message.message, id: message.id, segment: origin, offset: place.offset))
  }

  private func release(_ segment: Segment) {
    segment.messageCount -= 1
    queue.removeIfSpent(segment)
  }

  /// Reads messages, as many as one round may hold in memory.
  private func read(_ copies: [MessageCopy]) async -> [Result<PendingRecord, SpoolError>] {
    let readings = copies.map { RecordReading($0.record, in: queue) }
    let disk = queue.disk
    return await queue.reader.perform {
      var results: [Result<PendingRecord, SpoolError>] = []
      var size = 0
      for reading in readings where size < Self.bytesPerRound {
        let result = Result { () throws(SpoolError) in
          try Relocation.copy(of: try reading.read(on: disk).get(), file: reading.file, on: disk)
        }
        if case .success(let record) = result { size += record.content.count }
        results.append(result)
      }
      return results
    }
  }

  /// Brings copies to the disk, and waits until intake has come to them.
  private func commit(
    _ copies: [MessageCopy], _ records: [Result<PendingRecord, SpoolError>]
  ) async {
    for (copy, result) in zip(copies, records) {
      switch result {
      case .success(let record):
        copy.state = .writing
        expected[copy.record.id] = copy
        reactorTask { await self.write(record, of: copy) }
      case .failure(let error): copy.failure = error
      }
    }
    // The writer answers for each of them when the disk does (spool rule R33).
    try? await change.wait { copies.contains { $0.state == .writing } }
    try? await change.wait(deadline: Reactor.shared.now + Self.patience) {
      copies.contains { $0.state == .written }
    }
  }

  private func write(_ record: PendingRecord, of copy: MessageCopy) async {
    do throws(SpoolError) {
      try await queue.writer.commit(record)
      if copy.state == .writing { copy.state = .written }
    } catch {
      copy.state = error == .uncertain ? .uncertain : .none
      expected[copy.record.id] = nil
      copy.failure = error
    }
    change.pulse()
  }

  private func report(_ copies: [MessageCopy]) {
    let failed = copies.filter { $0.failure != nil }
    guard let first = failed.first, let error = first.failure else { return }
    queue.log.warning(
      "qmgr",
      "\(failed.count) messages stay in \(first.record.segment.name.segmentFile): "
        + "\(first.record.id) cannot be copied: \(error)")
  }

  /// Intake has come to a copy, whose count keeps its segment.
  func copyCame(_ lead: RecordLead, _ segment: Segment) {
    segment.noteMessage(RecordRow(lead))
    let copy = expected.removeValue(forKey: lead.id)
    guard let copy, copy.state != .late else {
      return end(lead, of: segment, origin: copy?.record.segment)
    }
    copy.target = (segment, lead.offset)
    copy.state = .arrived
    change.pulse()
  }

  /// A copy that nobody waits for is ended for good; only then its origin may go.
  private func end(_ lead: RecordLead, of segment: Segment, origin: Segment?) {
    let journal = CopyJournal(ending: lead, in: segment.journal, now: queue.clock.wallNow)
    reactorTask {
      await self.write(journal, segment)
      self.release(segment)
      if let origin { self.release(origin) }
    }
  }

  /// Until it is flushed nobody knows which of the two records is mail: neither is sent.
  private func write(_ journal: CopyJournal, _ segment: Segment) async {
    var isReported = false
    while true {
      do throws(SpoolError) {
        return try await queue.journalHelper.perform { () throws(SpoolError) in
          try journal.write()
        }
      } catch {
        if !isReported {
          queue.log.error(
            "qmgr", "\(segment.name.segmentFile): cannot write that mail is moved: \(error)")
        }
        isReported = true
        try? await sleep(until: Reactor.shared.now + Self.retryPause)
      }
    }
  }

  /// The message goes on, at its new place if it has one.
  private func finish(_ copy: MessageCopy, _ origin: Segment) {
    let place = copy.state == .arrived ? copy.target : nil
    queue.scheduler.endMove(
      copy.record.ref,
      to: place.map { MessagePlace(segment: $0.segment.number, offset: $0.offset) },
      now: Reactor.shared.now)
    if place != nil { origin.messageCount -= 1 }
  }
}
