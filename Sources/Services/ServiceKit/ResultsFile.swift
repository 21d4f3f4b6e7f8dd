package import LinuxSystem
package import Primitives
package import Reactor
import SystemPackage

/// An agent's own file, in which results that no `qmgr` has confirmed outlive it (spool rule R13).
///
/// `qmgr` reads it when the agent has ended, which it learns from the lock: that of the open
/// description, which `master` took and no other process has. A helper thread writes, begun with
/// the first result; the file is emptied when nothing in it is needed.
@ReactorActor
package final class ResultsFile {
  /// The most that is written to the file, in bytes.
  package nonisolated static let sizeMax: Int64 = 64 << 20

  private let file: SharedDescriptor
  private let log: Log
  private let tag: StaticString
  private let sizeMax: Int64
  private var helper: HelperThread?
  /// Results that nobody has confirmed, all of them.
  private var kept: [UInt64: DeliveryResult] = [:]
  /// Those of them that are not in the file yet.
  private var coming: [UInt64] = []
  /// How many have been put into `coming`, and how many of those have been written.
  private var comingCount = 0
  private var writtenCount = 0
  /// Whether something was written that a loss of power may undo.
  private var isUnsynced = false
  /// Whether what is written, or has been, is to survive a loss of power.
  private var wantsSync = false
  /// Results in the file that have been confirmed.
  private var gone: [UInt64] = []
  /// The end of what stands in the file.
  private var size: Int64 = 0
  private var isWriting = false
  private var hasFailed = false
  private let idle = Gate()
  private let stepEnd = Gate()

  /// Takes over the file.
  package init(
    _ file: SharedDescriptor, log: Log, tag: StaticString, sizeMax: Int64 = ResultsFile.sizeMax
  ) {
    self.file = file
    self.log = log
    self.tag = tag
    self.sizeMax = sizeMax
  }

  /// Writes results that are not in the file as they are, and those that could not be written
  /// before.
  ///
  /// - Parameter isDurable: whether they shall survive a loss of power, and not only processes.
  package func keep(_ results: some Sequence<DeliveryResult>, isDurable: Bool = true) {
    for result in results where kept.updateValue(result, forKey: result.id) != result {
      coming.append(result.id)
      comingCount += 1
    }
    if isDurable, isUnsynced || isWriting || !coming.isEmpty { wantsSync = true }
    write()
  }

  /// Writes a result so that it survives processes, and waits for that: until the deadline, or
  /// until it cannot be written.
  package func keep(_ result: DeliveryResult, until deadline: MonotonicTime) async {
    keep(CollectionOfOne(result), isDurable: false)
    let place = comingCount
    do throws(WaitError) {
      try await stepEnd.wait(deadline: deadline) { writtenCount < place && isWriting }
    } catch {
      log.error(tag, "a result is not written in time: its delivery may be repeated")
    }
  }

  /// Results are in the journal: they are not wanted from the file any more.
  package func acknowledged(_ deliveries: [UInt64]) {
    for delivery in deliveries where kept.removeValue(forKey: delivery) != nil {
      gone.append(delivery)
    }
    write()
  }

  /// Waits until everything is written, or could not be, or the deadline.
  package func settle(deadline: MonotonicTime) async {
    do throws(WaitError) {
      try await idle.wait(deadline: deadline) { isWriting }
    } catch {
      log.error(tag, "results are not written in time: their deliveries may be repeated")
    }
  }

  private func write() {
    guard !isWriting, hasWork else { return }
    isWriting = true
    reactorTask {
      var isDone = false
      while !isDone, self.hasWork {
        isDone = await !self.writeNext()
        self.stepEnd.pulse()
      }
      self.isWriting = false
      self.stepEnd.pulse()
      self.idle.pulse()
    }
  }

  private var hasWork: Bool { !coming.isEmpty || !gone.isEmpty || wantsSync }

  /// Writes what there is; false when that fails.
  private func writeNext() async -> Bool {
    let step = Step(
      file: file, start: size, sizeMax: sizeMax, coming: coming.compactMap { kept[$0] },
      gone: gone, all: Array(kept.values), isSynced: wantsSync)
    let count = comingCount
    coming.removeAll()
    gone.removeAll()
    wantsSync = false
    var outcome = Step.Outcome(size: size, isAnew: false)
    do throws(Errno) {
      let helper: HelperThread
      if let known = self.helper {
        helper = known
      } else {
        helper = try HelperThread(name: "results")
      }
      self.helper = helper
      outcome = await helper.perform { step.write() }
    } catch {
      outcome.error = error
    }
    size = outcome.size
    guard let error = outcome.error else {
      hasFailed = false
      writtenCount = count
      isUnsynced = size > 0 && !step.isSynced
      return true
    }
    // They stay in memory and are tried again with the next ones.
    coming = outcome.isAnew ? Array(kept.keys) : step.coming.map(\.id) + coming
    wantsSync = wantsSync || step.isSynced
    if !hasFailed {
      log.error(tag, "cannot write the file for results: \(error): deliveries may be repeated")
    }
    hasFailed = true
    return false
  }

  /// One visit to the helper.
  private struct Step: Sendable {
    struct Outcome: Sendable {
      /// The end of what stands in the file.
      var size: Int64
      /// Whether the file was emptied first.
      var isAnew: Bool
      var error: Errno?
    }

    let file: SharedDescriptor
    let start: Int64
    let sizeMax: Int64
    let coming: [DeliveryResult]
    let gone: [UInt64]
    let all: [DeliveryResult]
    let isSynced: Bool

    /// Writes behind what there is; begins anew, with everything that is wanted, when that is
    /// nothing or the file would become too large. Blocks.
    func write() -> Outcome {
      var bytes: [UInt8] = []
      for result in coming { ResultsFileFormat.append(result, to: &bytes) }
      if !gone.isEmpty { ResultsFileFormat.append(acknowledged: gone, to: &bytes) }
      var outcome = Outcome(size: start, isAnew: false)
      let room = sizeMax - Int64(ResultsFileFormat.header.count)
      if all.isEmpty || start + Int64(bytes.count) > room {
        bytes.removeAll()
        for result in all { ResultsFileFormat.append(result, to: &bytes) }
        guard bytes.count <= room else {
          outcome.error = .fileTooLarge
          return outcome
        }
        outcome = Outcome(size: 0, isAnew: true)
      }
      do throws(Errno) {
        if outcome.isAnew { try Files.truncate(file.raw, to: 0) }
        guard !bytes.isEmpty else {
          if isSynced, outcome.size > 0 { try Files.syncData(file.raw) }
          return outcome
        }
        if outcome.size == 0 { bytes = ResultsFileFormat.header + bytes }
        try Files.writeAll(file.raw, bytes, at: outcome.size)
        if isSynced { try Files.syncData(file.raw) }
        outcome.size += Int64(bytes.count)
      } catch {
        // What follows a torn record would not be read.
        try? Files.truncate(file.raw, to: outcome.size)
        outcome.error = error
      }
      return outcome
    }
  }
}
