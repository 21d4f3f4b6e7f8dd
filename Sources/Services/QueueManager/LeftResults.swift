import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage

/// Takes over the results that agents left in files when they ended: no delivery that had its final
/// reply is repeated because those who knew of it died together (spool rule R13).
///
/// A file belongs to its agent as long as that lives, which its lock shows. It is removed when all
/// of its results are in the journal and flushed; one that is read twice does no harm, since a
/// recipient that is done stays so.
@ReactorActor
final class LeftResults {
  /// How long beyond `drain_time`, within which they leave, nothing is delivered because agents of
  /// an earlier `master` still end their deliveries.
  private static let grace = Duration.seconds(5)
  private static let pauseMin = Duration.milliseconds(5)
  private static let pauseMax = Duration.seconds(1)
  /// How long an agent may live without a channel before it is ended.
  private static let lonelyTime = Duration.seconds(10)
  /// How long the journals may take to be flushed.
  private static let flushTime = Duration.seconds(30)
  /// More than an agent writes to its file.
  private nonisolated static let sizeMax = Int(ResultsFile.sizeMax) + 4096

  private unowned let queue: MailQueue
  private let folder: String
  /// Whether no results of agents of an earlier `master` are awaited.
  private(set) var areTaken = false

  init(_ queue: MailQueue) {
    self.queue = queue
    folder = queue.settings.directory + "/" + ResultsFileName.folder
  }

  /// A file that nobody else has, and what it says.
  private final class Found: Sendable {
    let name: ResultsFileName
    let results: [DeliveryResult]
    /// The lock, until the file is removed.
    let file: SharedDescriptor

    init(_ name: ResultsFileName, _ results: [DeliveryResult], _ file: SharedDescriptor) {
      self.name = name
      self.results = results
      self.file = file
    }
  }

  private enum Look: Sendable {
    /// There is no such file, or it says nothing that this build understands.
    case nothing
    /// Its agent lives.
    case locked
    case found(Found)
    case failed(String)
  }

  /// Takes what agents of earlier lives left, waiting for those that have not ended.
  ///
  /// - Parameters:
  ///   - isOwn: whether an agent is one of this life's.
  ///   - opened: called when no results are awaited any more.
  func takeAll(
    isOwn: @ReactorActor (Int32) -> Bool, opened: @ReactorActor () -> Void
  ) async {
    let deadline = Reactor.shared.now + queue.settings.drainTime + Self.grace
    var pause = Self.pauseMin
    var done: Set<ResultsFileName> = []
    while true {
      var locked: ResultsFileName?
      for name in await names() where !isOwn(name.pid) && !done.contains(name) {
        let look = await look(at: name)
        // It may have come in the meantime.
        if isOwn(name.pid) { continue }
        if case .locked = look {
          locked = name
          continue
        }
        done.insert(name)
        take(look, of: name, from: Agent(ended: name))
      }
      guard let locked else { break }
      if !areTaken, Reactor.shared.now >= deadline {
        queue.log.warning("qmgr", "process \(locked.pid) still delivers for an earlier master")
        areTaken = true
        opened()
      }
      if (try? await sleep(until: Reactor.shared.now + pause)) == nil { break }
      pause = min(pause * 2, Self.pauseMax)
    }
    areTaken = true
    opened()
  }

  /// Waits until an agent whose channel ended has ended itself, and takes what it left.
  ///
  /// - Parameter mute: has `master` end the agent.
  /// - Returns: false when it goes on with another channel instead.
  func inherit(from agent: Agent, mute: @ReactorActor () -> Void) async -> Bool {
    var pause = Self.pauseMin
    var patience: MonotonicTime? = Reactor.shared.now + Self.lonelyTime
    while agent.channel == nil {
      let name = await names().first { $0.process == agent.name && $0.pid == agent.pid }
      let look = if let name { await look(at: name) } else { Look.nothing }
      guard agent.channel == nil else { return false }
      guard let name, case .locked = look else {
        agent.end()
        if let name { take(look, of: name, from: agent) } else { record([], of: agent) }
        return true
      }
      if let time = patience, Reactor.shared.now >= time {
        queue.log.warning("qmgr", "\(name.process.role.rawValue) has no channel: it is ended")
        mute()
        patience = nil
      }
      if (try? await sleep(until: Reactor.shared.now + pause)) == nil { return false }
      pause = min(pause * 2, Self.pauseMax)
    }
    return false
  }

  private func names() async -> [ResultsFileName] {
    let folder = folder
    let names: Result<[ResultsFileName], Errno> = await queue.reader.perform {
      Result { () throws(Errno) in
        let directory = try Files.open(folder, [.read, .directory, .noFollow])
        return try Files.names(in: directory.raw).compactMap { ResultsFileName($0) }
      }
    }
    switch names {
    case .success(let names): return names
    case .failure(.noSuchFileOrDirectory): return []
    case .failure(let error):
      queue.log.error("qmgr", "cannot read \(folder): \(error)")
      return []
    }
  }

  private func look(at name: ResultsFileName) async -> Look {
    let path = folder + "/" + name.text
    return await queue.reader.perform {
      do {
        let file = try Files.open(path, [.read, .noFollow])
        guard try Files.tryLock(file.raw) else { return .locked }
        let size = Int(clamping: try Files.status(of: file.raw).size)
        let bytes = try Files.read(file.raw, count: min(size, Self.sizeMax), at: 0)
        return .found(Found(name, try ResultsFileFormat.read(bytes), SharedDescriptor(file)))
      } catch ResultsFileFormat.Failure.version(let version) {
        return .failed("another build has written it (format \(version)): it is left alone")
      } catch ResultsFileFormat.Failure.foreign {
        return .failed("it is not a file of results: it is left alone")
      } catch Errno.noSuchFileOrDirectory {
        return .nothing
      } catch {
        return .failed("\(error)")
      }
    }
  }

  /// Has results recorded as if the agent, which has ended, had told them.
  private func take(_ look: Look, of name: ResultsFileName, from agent: Agent) {
    switch look {
    case .found(let found):
      if !found.results.isEmpty {
        queue.log.information(
          "qmgr", "\(found.results.count) results that \(name.text) left are taken over")
      }
      agent.owe(found.results.map(\.id)) { reactorTask { await self.remove(found) } }
      record(found.results, of: agent)
    case .failed(let reason):
      queue.log.error("qmgr", "cannot read \(folder)/\(name.text): \(reason)")
      record([], of: agent)
    case .nothing, .locked: record([], of: agent)
    }
  }

  private func record(_ results: [DeliveryResult], of agent: Agent) {
    guard agent.process == nil else {
      for result in results { queue.take(result, from: agent) }
      return
    }
    // It ended before it had introduced itself.
    let said = Dictionary(
      (agent.holds.flatMap(\.results) + results).map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    agent.holds.removeAll()
    queue.adoption.take(inHand: [], results: Array(said.values), from: agent)
  }

  private func remove(_ found: Found) async {
    if !found.results.isEmpty {
      let deadline = Reactor.shared.now + Self.flushTime
      guard await queue.journals.flush(deadline: deadline) else {
        return queue.log.error("qmgr", "\(found.name.text) is kept: its results are not flushed")
      }
    }
    let path = folder + "/" + found.name.text
    let error: Errno? = await queue.reader.perform {
      defer { withExtendedLifetime(found) {} }
      do throws(Errno) {
        try Files.unlink(path)
        return nil
      } catch {
        return error
      }
    }
    if let error { queue.log.error("qmgr", "cannot remove \(path): \(error)") }
  }
}
