import MailTypes
import Primitives
import QueueFormat
import QueueStore
import TestSupport

/// One run of writers, queue manager, deliveries, deaths and power cuts over a simulated disk.
///
/// Everything follows from the seed. A run is good when every message that was accepted arrived,
/// none that was refused did, nothing came twice that no rule allows to, and recovering twice
/// finds the same.
package final class SpoolSimulation {
  /// A rule broken on purpose, to see that the simulation notices.
  package enum Mutation: Sendable, CaseIterable {
    /// 250 before the flush (principle 1).
    case acknowledgesBeforeFlush
    /// After a failed flush the file is opened again and flushed (R3).
    case trustsReopenedFile
    /// A flush starts where the last one ended, inside its block (R5).
    case doesNotPadFlushes
    /// Recovery takes for true what the cache shows after a failed flush (R12).
    case believesTheCache
    /// 451 without making durable where the segment ends (R3).
    case forgetsToMarkTheEnd
  }

  /// A result that a delivery process keeps until the queue manager has it (R13).
  struct Result: Equatable {
    enum Outcome { case delivered, deferred, bounced }
    let nonce: Nonce
    let offset: UInt64
    let id: QueueID
    let recipient: UInt32
    let outcome: Outcome

    func event(_ now: WallTime) -> JournalEvent {
      let attempt = DeliveryAttempt(
        status: EnhancedStatus(2, 0, 0), nextHop: Array("mx".utf8), reply: Array("ok".utf8))
      switch outcome {
      case .delivered: return .delivered(attempt)
      case .deferred: return .deferred(attempt, until: now)
      case .bounced: return .bounced(attempt)
      }
    }
  }

  let machine: SimulatedMachine
  let ledger = Ledger()
  let mutation: Mutation?
  var random: SplitMix64
  var now = WallTime(microseconds: 1_700_000_000_000_000)
  var writers: [ModelWriter] = []
  var queue: ModelQueue?
  var inHand: [Result] = []
  private(set) var isEnding = false
  private var granted: UInt64 = 1
  private var sent: [(SimulatedFile, UInt64, [UInt8])] = []
  private let seed: UInt64

  private init(seed: UInt64, mutation: Mutation?) {
    self.seed = seed
    self.mutation = mutation
    machine = SimulatedMachine(seed: seed ^ 0x5151_5151)
    machine.keepsCache = mutation == .believesTheCache
    random = SplitMix64(seed: seed)
  }

  /// What a run came to.
  package struct Outcome: Sendable {
    /// What was wrong; empty for a good run.
    package let violations: [String]
    /// How much happened.
    package let summary: String
  }

  /// Runs one seed.
  package static func run(seed: UInt64, mutation: Mutation? = nil) -> Outcome {
    let simulation = SpoolSimulation(seed: seed, mutation: mutation)
    simulation.run()
    return Outcome(
      violations: simulation.ledger.violations,
      summary: "\(simulation.ledger.summary), \(simulation.machine.powerCuts) power cuts, "
        + "\(simulation.machine.flushes) flushes")
  }

  private func run() {
    startProcesses()
    for _ in 0..<(100 + random.below(150)) {
      now.microseconds += Int64(random.below(5_000))
      step()
      if !machine.hasPower { restartMachine() }
    }
    finish()
    if mutation == nil, machine.rewrittenBlocks > 0 {
      ledger.violation("\(machine.rewrittenBlocks) flushed blocks were written again")
    }
    ledger.checkEnd()
  }

  private func step() {
    switch random.below(42) {
    case 0..<10: writer.submit()
    case 10..<17: writer.commit()
    case 17: writer.submitLarge()
    case 18..<26: queue?.deliver()
    case 26..<28: queue?.sync()
    case 28: queue?.order(random.below(4))
    case 29..<31: queue?.removeDone()
    case 31: writer.end(random.oneIn(2) ? .idle : .drained)
    case 32: killWriter()
    case 33: if random.oneIn(2) { killQueue() }
    case 34: breakDisk()
    case 35:
      healDisk()
      for writer in writers { writer.markEnds() }
    case 36: if random.oneIn(2) { machine.callsUntilPowerCut = random.below(60) }
    case 37: writer.disk.callsUntilDeath = random.below(12)
    case 38: if random.oneIn(3) { queue?.disk.callsUntilDeath = random.below(25) }
    case 39, 40: queue?.relocate()
    default: checkSent()
    }
    reap()
  }

  private var writer: ModelWriter { writers[random.below(writers.count)] }

  // MARK: Processes

  private func startProcesses() {
    writers = []
    for index in 0..<2 { startWriter(index) }
    startQueue()
  }

  /// The numbers that `master` grants to a process (R18).
  private func grant() -> Range<UInt64> {
    granted += 40
    return granted - 40..<granted
  }

  private func startWriter(_ index: Int) {
    guard machine.hasPower else { return }
    let new = ModelWriter(
      "smtpd\(index)", disk: SimulatedDisk(machine), sequences: grant(), world: self)
    if index < writers.count { writers[index] = new } else { writers.append(new) }
  }

  private func startQueue() {
    guard machine.hasPower else { return }
    let disk = SimulatedDisk(machine)
    let new = ModelQueue(disk: disk, world: self)
    queue = nil
    guard new.start() else { return }
    new.own = ModelWriter("qmgr", disk: disk, sequences: grant(), world: self)
    queue = new
  }

  private func killWriter() {
    writer.disk.die()
  }

  private func killQueue() {
    queue?.disk.die()
  }

  /// Starts again what has died, as `master` does.
  private func reap() {
    guard machine.hasPower else { return }
    for index in writers.indices where !writers[index].disk.isAlive { startWriter(index) }
    if queue?.disk.isAlive != true {
      startQueue()
    } else {
      queue?.writerDied()
      queue?.recoverRest()
    }
  }

  /// The power comes back; what is found must be found twice the same.
  private func restartMachine() {
    inHand = []
    sent = []
    healDisk()
    machine.powerOn()
    let first = SimulatedDisk(machine)
    if random.oneIn(3) { first.callsUntilDeath = random.below(40) }
    writers = []
    let trial = ModelQueue(disk: first, world: self)
    let isFinished = trial.start()
    first.die()
    if isFinished {
      if random.oneIn(2) {
        machine.cutPower()
        machine.powerOn()
      }
      let second = ModelQueue(disk: SimulatedDisk(machine), world: self)
      _ = second.start()
      if second.contents != trial.contents {
        let gone = Set(trial.contents).symmetricDifference(second.contents).sorted()
        ledger.violation("two recoveries differ: \(gone)")
      }
      second.disk.die()
    }
    startProcesses()
  }

  // MARK: Disk

  private func breakDisk() {
    switch random.below(4) {
    case 0: machine.isFull = true
    case 1: machine.writeFailsOneIn = 4
    case 2: machine.flushFailsOneIn = 3
    default: machine.folderFlushFailsOneIn = 3
    }
  }

  private func healDisk() {
    machine.isFull = false
    machine.writeFailsOneIn = 0
    machine.flushFailsOneIn = 0
    machine.folderFlushFailsOneIn = 0
  }

  func makeName(_ sequence: UInt64, _ writer: String) -> SegmentName? {
    SegmentName(
      sequence: sequence, nonce: Nonce(high: random.next(), low: random.next()), writer: writer)
  }

  /// Notes pages that a socket still refers to (R1).
  func remember(_ file: SimulatedFile, _ offset: UInt64, _ bytes: [UInt8]) {
    sent.append((file, offset, bytes))
    if sent.count > 8 { sent.removeFirst() }
  }

  private func checkSent() {
    for (file, offset, bytes) in sent
    where file.inode.read(Int(offset), bytes.count) != bytes {
      ledger.violation("pages in a send queue were overwritten")
    }
  }

  // MARK: Results in hand

  func isInHand(_ nonce: Nonce, _ offset: UInt64, _ recipient: UInt32) -> Bool {
    inHand.contains { $0.nonce == nonce && $0.offset == offset && $0.recipient == recipient }
  }

  func isInHand(_ nonce: Nonce, _ offset: UInt64) -> Bool {
    inHand.contains { $0.nonce == nonce && $0.offset == offset }
  }

  func forget(_ result: Result) {
    inHand.removeAll { $0 == result }
  }

  // MARK: End

  /// The disk works again, everything is released, and what is queued is delivered.
  private func finish() {
    isEnding = true
    healDisk()
    machine.callsUntilPowerCut = nil
    for writer in writers { writer.disk.callsUntilDeath = nil }
    queue?.disk.callsUntilDeath = nil
    if random.oneIn(2) {
      machine.cutPower()
      restartMachine()
    }
    reap()
    for writer in writers { writer.commit() }
    for writer in writers {
      writer.end(.drained)
      writer.markEnds()
    }
    queue?.own?.markEnds()
    killQueue()
    reap()
    queue?.releaseAll()
    for _ in 0..<20_000 where queue?.isEmpty == false { queue?.deliver() }
    if queue?.isEmpty != true { ledger.violation("the queue did not run empty") }
    queue?.sync()
    queue?.own?.end(.drained)
    queue?.removeDone()
    if let left = queue?.segments.count, left > 0 {
      ledger.violation("\(left) segments are left behind")
    }
    checkSent()
  }
}
