import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor
import ServiceKit

/// Takes new mail into the queue: reads the records that a flush has covered, from where it last
/// stopped to the announced end (spool rule R11).
///
/// All segments with something new are read in one visit to the helper; what is announced
/// meanwhile waits for the next.
@ReactorActor
final class Intake {
  /// The pause before a segment that could not be opened or read is tried again.
  var retryPause = Duration.seconds(1)
  /// Bytes of segments that the reactor reads in one go when they are in memory.
  private static let readAtOnceMax: UInt64 = 4 << 20
  /// Records that are taken in before everything else gets its turn.
  private static let recordsPerTurn = 256

  private unowned let queue: MailQueue
  private struct Opening {
    var mark: (mark: SegmentMark, writer: ProcessName)?
  }

  private var opening: [Nonce: Opening] = [:]
  private var waiting: [Segment] = []
  /// Segments that could not be read, until they are tried again.
  private var unreadable: [Segment] = []
  private lazy var retry = Alarm { self.tryAgain() }
  private var isRunning = false
  /// Whether records stay on the disk for now, since the queue is full (rule R36).
  var isPaused = false { didSet { run() } }

  private struct Job: Sendable {
    let file: LinuxDisk.File
    let nonce: Nonce
    let start: UInt64
    let end: UInt64
  }

  init(_ queue: MailQueue) {
    self.queue = queue
  }

  /// Whether everything announced has been taken in.
  var isIdle: Bool { opening.isEmpty && waiting.isEmpty && unreadable.isEmpty && !isRunning }

  /// Keeps a segment for somebody who takes it in otherwise; false when it is taken.
  func reserve(_ nonce: Nonce) -> Bool {
    guard opening[nonce] == nil, queue.segments.find(nonce) == nil else { return false }
    opening[nonce] = Opening()
    return true
  }

  /// Gives back a reserved segment: what was announced meanwhile counts now.
  func release(_ name: SegmentName, as segment: Segment?) {
    defer { if isIdle { queue.settling.pulse() } }
    guard let mark = opening.removeValue(forKey: name.nonce)?.mark else {
      if let segment, segment.owner == nil, !segment.isSealed { queue.orphans.plan() }
      return
    }
    announce(mark.mark, by: mark.writer)
  }

  /// A writer says how far a segment is flushed.
  func announce(_ mark: SegmentMark, by writer: ProcessName) {
    if let segment = queue.segments.find(mark.nonce) {
      return advance(segment, to: mark, by: writer)
    }
    let isNew = opening[mark.nonce] == nil
    opening[mark.nonce, default: Opening()].mark = (mark, writer)
    guard isNew else { return }
    guard let name = SegmentName.parse(file: mark.fileName)?.name, name.nonce == mark.nonce else {
      opening[mark.nonce] = nil
      return queue.log.error("qmgr", "\(mark.fileName) is not the name of a segment")
    }
    reactorTask { await self.open(name) }
  }

  private func open(_ name: SegmentName) async {
    let disk = queue.disk
    while true {
      do throws(SpoolError) {
        let found = try await queue.journalHelper.perform { () throws(SpoolError) in
          try OpenedSegment(name, on: disk)
        }
        return release(name, as: queue.register(found))
      } catch .missing {
        // An announcement that was overtaken: all its mail was done, or nothing was in it.
        opening[name.nonce] = nil
        if isIdle { queue.settling.pulse() }
        return
      } catch {
        queue.log.error("qmgr", "cannot open \(name.segmentFile): \(error)")
        try? await sleep(until: Reactor.shared.now + retryPause)
      }
    }
  }

  private func advance(_ segment: Segment, to mark: SegmentMark, by writer: ProcessName) {
    if mark.sealed, !segment.isSealed {
      segment.isSealed = true
      queue.sealer.add(segment)
      queue.mover.look(after: queue.settings.relocationDelay)
    }
    segment.owner = segment.isSealed ? nil : writer
    if mark.end > segment.markedEnd {
      if segment.markedEnd <= segment.takenEnd { waiting.append(segment) }
      segment.markedEnd = mark.end
      run()
    } else {
      queue.removeIfSpent(segment)
    }
  }

  private func tryAgain() {
    waiting += unreadable
    unreadable.removeAll()
    run()
  }

  private func run() {
    guard !isRunning, !isPaused, !waiting.isEmpty else { return }
    isRunning = true
    reactorTask {
      await self.readAll()
      self.isRunning = false
      if self.isIdle { self.queue.settling.pulse() }
    }
  }

  private func readAll() async {
    while !waiting.isEmpty, !isPaused {
      let segments = waiting
      waiting.removeAll(keepingCapacity: true)
      let jobs = segments.map {
        Job(file: $0.file, nonce: $0.name.nonce, start: $0.takenEnd, end: $0.markedEnd)
      }
      let results = await read(jobs)
      for (place, segment) in segments.enumerated() {
        switch results[place] {
        case .success(let records):
          await admit(records, of: segment)
          segment.takenEnd = jobs[place].end
          if segment.markedEnd > segment.takenEnd { waiting.append(segment) }
          queue.removeIfSpent(segment)
        case .failure(let error):
          queue.log.error("qmgr", "cannot read \(segment.name.segmentFile): \(error)")
          unreadable.append(segment)
          if !retry.isScheduled { retry.schedule(at: Reactor.shared.now + retryPause) }
        }
      }
      queue.plan()
    }
  }

  /// What was just written is in memory and read at once; the helper reads the rest.
  private func read(_ jobs: [Job]) async -> [Result<[StoredRecord], SpoolError>] {
    let read = Self.reading(queue.marks?.condemned ?? [])
    if jobs.reduce(0, { $0 + $1.end - $1.start }) <= Self.readAtOnceMax {
      let cache = queue.cache
      let mark = queue.marks?.intake
      let results = jobs.map { read($0, cache, mark) }
      mark?.end()
      let isWhole = results.allSatisfy { if case .success = $0 { true } else { false } }
      if isWhole { return results }
    }
    let disk = queue.disk
    let mark = queue.marks?.reading
    return await queue.reader.perform {
      defer { mark?.end() }
      return jobs.map { read($0, disk, mark) }
    }
  }

  private typealias Reading =
    @Sendable (Job, LinuxDisk, RecordMark?) -> Result<[StoredRecord], SpoolError>

  /// Reads records, each under a mark; those that are condemned without their envelope.
  private nonisolated static func reading(_ condemned: Set<RecordPlace>) -> Reading {
    { job, disk, mark in
      Result { () throws(SpoolError) in
        try SegmentReader.records(
          on: disk, file: job.file, nonce: job.nonce, from: job.start, to: job.end
        ) { place in
          mark?.begin(place)
          return !condemned.contains(place)
        }
      }
    }
  }

  private func admit(_ records: [StoredRecord], of segment: Segment) async {
    for (count, record) in records.enumerated() {
      if count % Self.recordsPerTurn == Self.recordsPerTurn - 1 {
        queue.plan()
        // What others do meanwhile is not this record's fault.
        queue.marks?.intake.end()
        await Reactor.shared.yieldTurn()
      }
      queue.marks?.intake.begin(record.lead.place)
      await queue.admit(record, of: segment)
    }
    queue.marks?.intake.end()
  }
}

/// A segment as the helper opened it: its file, and what an earlier life said of its messages.
struct OpenedSegment: Sendable {
  let name: SegmentName
  let file: LinuxDisk.File
  let journal: JournalKeeper
  let history: SegmentHistory

  /// Opens a segment that its writer has announced, and begins its journal: what has no room for
  /// its results stays on the disk (spool rule R24).
  init(_ name: SegmentName, on disk: LinuxDisk) throws(SpoolError) {
    self.name = name
    file = try disk.open(name.segmentFile, in: .segments, writable: false)
    journal = JournalKeeper(on: disk, name: name)
    do throws(SpoolError) {
      history = SegmentHistory(try JournalKeeper.entries(of: name, on: disk))
      try journal.reserve(now: Clocks.wallNow())
    } catch {
      disk.close(file)
      throw error
    }
  }
}
