import MailTypes
import Primitives
import QueueFormat
import QueueStore
import TestSupport

/// A queue manager without a scheduler, over the real recovery, reader and journal.
final class ModelQueue {
  /// A message in the queue.
  struct Item {
    let id: QueueID
    let recipientCount: Int
    var ended: Set<UInt32> = []
    var isHeld = false
    var isDone = false
  }

  final class Segment {
    let name: SegmentName
    let file: SimulatedFile
    let journal: SegmentJournal<SimulatedDisk>
    var taken = UInt64(FileHeader.size)
    var items: [UInt64: Item] = [:]
    var history: SegmentHistory
    var isSealed = false
    var unflushed: [(QueueID, UInt32)] = []

    init(
      _ name: SegmentName, _ file: SimulatedFile, _ journal: SegmentJournal<SimulatedDisk>,
      _ history: SegmentHistory
    ) {
      self.name = name
      self.file = file
      self.journal = journal
      self.history = history
    }
  }

  let disk: SimulatedDisk
  unowned let world: SpoolSimulation
  var segments: [Segment] = []
  var isStarted = false
  var unrecovered: [SegmentName] = []
  var own: ModelWriter?
  lazy var mover = ModelMover(queue: self, world: world)

  init(disk: SimulatedDisk, world: SpoolSimulation) {
    self.disk = disk
    self.world = world
  }

  // MARK: Start and intake

  /// Finds everything that is in the spool; false when the process did not live to do it.
  func start() -> Bool {
    do throws(SpoolError) {
      let scan = try SpoolScan(disk)
      removeLeftovers(scan)
      unrecovered = scan.segments
    } catch {
      if disk.isRunning { world.ledger.violation("start failed: \(error)") }
      return false
    }
    recoverRest()
    isStarted = true
    for writer in world.writers { writer.announce(to: self) }
    replayResults()
    return disk.isRunning
  }

  /// Recovers what an earlier try could not: the disk may have failed it.
  func recoverRest() {
    if unrecovered.isEmpty { return }
    defer { if isStarted { replayResults() } }
    // Copies wait for their origins: several rounds.
    var before = Int.max
    while unrecovered.count < before {
      before = unrecovered.count
      recoverRound()
    }
  }

  private func recoverRound() {
    for name in unrecovered where disk.isRunning {
      do throws(SpoolError) {
        try recover(name)
        unrecovered.removeAll { $0 == name }
      } catch {
        // It stays in the list and is tried again.
      }
    }
  }

  func removeLeftovers(_ scan: SpoolScan) {
    do throws(SpoolError) {
      try scan.removeLeftovers(disk)
    } catch {
      // They mean nothing; the next start tries again.
    }
  }

  func recover(
    _ name: SegmentName, openFile: SimulatedFile? = nil, knownEntries: [JournalEntry]? = nil
  ) throws(SpoolError) {
    let found = try SegmentRecovery.recover(
      name, on: disk, now: world.now, openFile: openFile, knownEntries: knownEntries,
      recovered: Set(segments.map(\.name.nonce)))
    for problem in found.problems { judge(problem, name) }
    // What a recovery found and did not write is not known to whoever opens the journal later.
    let entries =
      knownEntries == nil
      ? try JournalReading.read(name, on: disk)?.entries ?? [] : found.entries
    let segment = Segment(
      name, found.file, SegmentJournal(on: disk, name: name, entries: entries), found.history)
    segment.isSealed = !found.hasLivingWriter
    segment.taken = found.intakeEnd
    segments.removeAll { $0.name == name }
    segments.append(segment)
    for row in found.rows {
      add(row.id, row.offset, Int(row.recipientCount), row.flags, to: segment)
    }
  }

  func judge(_ problem: SegmentProblem, _ name: SegmentName) {
    switch problem {
    case .notSealed, .journalTail: break
    case .damage, .foreignJournal, .mismatchedEntries:
      world.ledger.violation("\(name.segmentFile): \(problem)")
    }
  }

  func add(
    _ id: QueueID, _ offset: UInt64, _ recipients: Int, _ flags: RecordFlags, to segment: Segment
  ) {
    guard segment.items[offset] == nil else { return }
    var item = Item(id: id, recipientCount: recipients)
    item.isHeld = flags.contains(.entersOnHold)
    if let history = segment.history.messages[offset], history.id == id {
      item.ended = history.ended
      item.isHeld = history.isHeld(flags)
      item.isDone = history.isDone
    }
    segment.items[offset] = item
  }

  /// A writer has flushed up to here (R11).
  func take(_ name: SegmentName, _ mark: Watermark) {
    guard disk.isRunning, let segment = segment(name), mark.end > segment.taken else { return }
    do throws(SpoolError) {
      let records = try SegmentReader.records(
        on: disk, file: segment.file, nonce: name.nonce, from: segment.taken, to: mark.end)
      for record in records {
        guard let envelope = record.envelope else {
          world.ledger.violation("\(record.lead.id): its envelope cannot be read")
          continue
        }
        // A copy is put in by whoever made it, once it is mail.
        if record.lead.flags.contains(.relocatedCopy) { continue }
        add(
          record.lead.id, record.lead.offset, envelope.recipients.count, record.lead.flags,
          to: segment)
      }
      segment.taken = mark.end
    } catch {
      if disk.isRunning { world.ledger.violation("intake failed: \(error)") }
    }
  }

  func segment(_ name: SegmentName) -> Segment? {
    if let known = segments.first(where: { $0.name == name }) { return known }
    do throws(SpoolError) {
      let file = try disk.open(name.segmentFile, in: .segments, writable: false)
      let segment = Segment(
        name, file, SegmentJournal(on: disk, name: name, entries: []), SegmentHistory())
      segments.append(segment)
      return segment
    } catch {
      return nil
    }
  }

  /// A writer says where its segment ends; true once that is durable.
  func seal(_ name: SegmentName, end: UInt64, reason: SealReason) -> Bool {
    take(name, Watermark(nonce: name.nonce, end: end))
    guard disk.isRunning, isStarted, let segment = segment(name) else { return false }
    // A second table would bring back what the first no longer names.
    if segment.isSealed { return flush(segment) }
    var entries: [JournalEntry] = []
    if segment.taken == end, let rows = rows(of: segment, end) {
      entries = JournalCompaction.tableEntries(rows).map {
        JournalEntry(segment: $0, time: world.now)
      }
    }
    entries.append(JournalEntry(segment: .sealed(end: end, reason: reason), time: world.now))
    segment.journal.append(entries)
    segment.isSealed = true
    return flush(segment)
  }

  private func rows(of segment: Segment, _ end: UInt64) -> [RecordRow]? {
    do throws(SpoolError) {
      return try SegmentWalk.leads(
        on: disk, file: segment.file, nonce: segment.name.nonce,
        from: UInt64(FileHeader.size), to: end
      ).records.map { RecordRow($0) }
    } catch {
      return nil
    }
  }

  /// A writer is found dead: its segments are walked and sealed (R12).
  func writerDied() {
    // Whether a copy is mail is not to be asked while its origin's answer is on its way (R17).
    for segment in segments
    where !segment.isSealed && !mover.needs(segment) && disk.isRunning {
      do throws(SpoolError) {
        guard try disk.lock(segment.file) else { continue }
        let entries = try segment.journal.contents()
        let held = segment.unflushed
        try recover(segment.name, openFile: segment.file, knownEntries: entries)
        segments.first { $0.name == segment.name }?.unflushed = held
      } catch {
        // The next look at dead writers tries again.
      }
    }
  }

  // MARK: Delivery

  /// Moves some message into a segment of the queue manager's own (R17).
  func relocate() {
    guard disk.isRunning, isStarted, own?.hasUnmarked == false else { return }
    mover.move()
  }

  /// Everything that could be delivered now.
  var ready: [(Segment, UInt64)] {
    segments.flatMap { segment in
      segment.items.filter { !$0.value.isDone && !$0.value.isHeld }.keys.sorted().map {
        (segment, $0)
      }
    }
  }

  var isEmpty: Bool {
    unrecovered.isEmpty && mover.isIdle
      && segments.allSatisfy { $0.items.values.allSatisfy(\.isDone) }
  }

  /// Delivers some message to one of its recipients.
  func deliver() {
    guard disk.isRunning, isStarted else { return }
    let candidates = ready
    guard !candidates.isEmpty else { return }
    let (segment, offset) = candidates[world.random.below(candidates.count)]
    guard let item = segment.items[offset] else { return }
    let open = (0..<UInt32(item.recipientCount)).filter {
      !item.ended.contains($0) && !world.isInHand(segment.name.nonce, offset, $0)
    }
    guard let recipient = open.first, let content = read(item, segment, offset) else { return }
    let outcome = world.random.below(8)
    if outcome == 0, !world.isEnding {
      report(segment, offset, item, recipient, .deferred)
    } else if outcome == 1, !world.isEnding {
      guard own?.submitOwn() != nil else { return }
      world.ledger.update(item.id) { $0.bounced.insert(recipient) }
      report(segment, offset, item, recipient, .bounced)
    } else {
      world.ledger.arrive(
        item.id, recipient: recipient, content: content, powerCuts: world.machine.powerCuts)
      report(segment, offset, item, recipient, .delivered)
    }
  }

  /// What `sendfile` would put on the wire.
  func read(_ item: Item, _ segment: Segment, _ offset: UInt64) -> [UInt8]? {
    do throws(SpoolError) {
      let record = try SegmentReader.record(
        on: disk, file: segment.file,
        place: RecordPlace(nonce: segment.name.nonce, offset: offset), id: item.id)
      let header = try disk.read(
        Int(record.lead.header.length), from: segment.file, at: record.lead.header.offset)
      let body = try disk.read(
        Int(record.lead.body.length) + SpoolLayout.terminator.count, from: segment.file,
        at: record.lead.body.offset)
      world.remember(segment.file, record.lead.body.offset, body)
      return header + body
    } catch {
      if disk.isRunning { world.ledger.violation("\(item.id) cannot be read: \(error)") }
      return nil
    }
  }

  func report(
    _ segment: Segment, _ offset: UInt64, _ item: Item, _ recipient: UInt32,
    _ outcome: SpoolSimulation.Result.Outcome
  ) {
    let result = SpoolSimulation.Result(
      nonce: segment.name.nonce, offset: offset, id: item.id, recipient: recipient,
      outcome: outcome)
    world.inHand.append(result)
    record(result, segment)
  }

  /// Journals a result; the client forgets it once it is written (R13).
  func record(_ result: SpoolSimulation.Result, _ segment: Segment) {
    guard var item = segment.items[result.offset], !item.isDone else {
      // Known already; but only what is in the file may be forgotten.
      if !segment.journal.hasUnflushed { world.forget(result) }
      return
    }
    if result.outcome != .deferred { item.ended.insert(result.recipient) }
    let endsMessage = item.ended.count == item.recipientCount
    segment.journal.append([
      JournalEntry(
        result.event(world.now), id: item.id, offset: result.offset,
        recipient: result.recipient, endsMessage: endsMessage, time: world.now)
    ])
    item.isDone = endsMessage
    segment.items[result.offset] = item
    if result.outcome == .delivered { segment.unflushed.append((item.id, result.recipient)) }
    do throws(SpoolError) {
      try segment.journal.write(now: world.now)
      world.forget(result)
    } catch {
      // The entry stays in the journal's memory, the result with the client.
    }
  }

  /// Results that clients kept while no queue manager lived, before anything is sent (R13).
  func replayResults() {
    for result in world.inHand {
      if let segment = segments.first(where: { $0.name.nonce == result.nonce }) {
        record(result, segment)
      }
    }
  }
}
