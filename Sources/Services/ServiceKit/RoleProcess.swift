import Configuration
import Glibc
import LinuxSystem
import Primitives
package import Reactor
import Streams
import SystemPackage

/// The life of a role process: start record, privileges, service, drain.
///
/// A failure to start is told to `master` in words; the end of the inherited socket means that
/// `master` is gone, and the role drains and leaves (spool rule R16).
@ReactorActor
package final class RoleProcess {
  /// The descriptor at which every role finds its channel to `master`.
  package nonisolated static let channelDescriptor: Int32 = 3
  /// Packets that may wait for a peer: more than an agent's credit of requests, each of which fits
  /// into one, and as many results.
  private static let backlogLimit = 4096
  /// Configuration, log and page: what every role gets before its listeners.
  package nonisolated static let sharedDescriptors = 3
  /// How long a role waits for its start record.
  private static let startDeadline: Duration = .seconds(30)
  /// The most that is read of a memory file from `master`, in bytes.
  private static let memoryFileSizeMax: UInt64 = 128 << 20

  let master: MessageChannel
  private(set) var service: (any RoleService)?
  private(set) var log: Log?
  private(set) var page: LifePage?
  var drainTime: Duration = .seconds(30)
  private(set) var isDraining = false
  var isRetiring = false

  private init(master: MessageChannel) {
    self.master = master
  }

  /// Has the process listed as what it is, and not as the link by which it was started.
  package nonisolated static func takeName() {
    // Only a bad address could make this fail.
    try? ThisProcess.setName("martinet")
  }

  /// Runs a role on the calling thread until it has drained; returns the exit status.
  package nonisolated static func run(
    _ make: @escaping @Sendable @ReactorActor (RoleContext) throws(RoleFailure) -> any RoleService
  ) -> Int32 {
    takeName()
    let status = ExitStatusBox()
    Reactor.shared.run {
      let channel: PacketChannel
      do {
        channel = try PacketChannel(OwnedDescriptor(adopting: channelDescriptor))
      } catch {
        status.value = 71
        return
      }
      let process = RoleProcess(master: MessageChannel(channel))
      status.value = await process.live(make)
    }
    return status.value
  }

  private func live(
    _ make: @ReactorActor (RoleContext) throws(RoleFailure) -> any RoleService
  ) async -> Int32 {
    // The log may be a pipe whose reader has gone.
    ThisProcess.ignoreBrokenPipes()
    do throws(RoleFailure) {
      let context = try await begin()
      let service = try make(context)
      self.service = service
      watchSignals()
      try await service.start()
      master.post(.ready)
    } catch {
      master.post(.failed(error.reason))
      master.flush()
      log?.error("master", error.reason)
      log?.flush()
      return 69
    }
    await serve()
    await drain()
    log?.flush()
    master.flush()
    return 0
  }

  private func begin() async throws(RoleFailure) -> RoleContext {
    guard
      let delivery = try? await master.receive(deadline: Reactor.shared.now + Self.startDeadline),
      case .start(let record)? = delivery.messages.first, delivery.messages.count == 1,
      delivery.descriptors.count
        == Self.sharedDescriptors + record.listeners.count + record.descriptorsBehindListeners
    else { throw RoleFailure("no start record from master") }
    let configuration = try readConfiguration(
      delivery.descriptors[0].raw, size: record.configurationSize)
    var keyMaterial: [UInt8] = []
    if record.keyMaterialSize > 0, let keys = delivery.descriptors.last {
      keyMaterial = try read(keys.raw, size: record.keyMaterialSize, what: "key material")
    }
    drainTime = configuration[.drainTime]
    let log = try makeLog(delivery.descriptors[1], record: record, configuration: configuration)
    self.log = log
    let page = try showLife(
      of: record.name.role, in: delivery.descriptors[2].raw, configuration)
    self.page = page
    do throws(Errno) {
      _ = try ThisProcess.raiseDescriptorLimit()
      if let user = record.user {
        try Identity.become(uid: user.userID, gid: user.groupID)
        try ThisProcess.setNoNewPrivileges()
      }
      // `local` starts the commands of users, who would inherit it.
      if record.name.role != .local { try? ThisProcess.scheduleAsBatch() }
    } catch {
      throw RoleFailure("cannot become user \(record.user?.name ?? "?"): \(error)")
    }
    return try context(
      record, configuration, log, page,
      sockets: delivery.descriptors.dropFirst(Self.sharedDescriptors), keyMaterial: keyMaterial)
  }

  /// - Parameter sockets: one for each listener, then what the record names.
  func context(
    _ record: StartRecord, _ configuration: Configuration, _ log: Log, _ page: LifePage,
    sockets: ArraySlice<SharedDescriptor> = [], keyMaterial: [UInt8] = []
  ) throws(RoleFailure) -> RoleContext {
    let behind = sockets.dropFirst(record.listeners.count)
    let clients = try clientTable(
      record.clientRow, behind.dropFirst(record.hasLoadBoard ? 1 : 0).first)
    var listeners: [RoleContext.Listener] = []
    for (listener, passed) in zip(record.listeners, sockets) {
      listeners.append(
        RoleContext.Listener(
          descriptor: passed, service: listener.service,
          configuration: try service(listener, of: record, configuration)))
    }
    var transports: [String: Configuration] = [:]
    for transport in record.transports {
      transports[transport.service] = try service(transport, of: record, configuration)
    }
    return RoleContext(
      record: record, configuration: configuration, log: log, master: master, page: page,
      listeners: listeners, transports: transports,
      recordMarks: record.hasRecordMarks ? behind.last : nil, clients: clients,
      loadBoard: record.hasLoadBoard ? try loadBoard(of: record, behind.first) : nil,
      keyMaterial: keyMaterial)
  }

  private func clientTable(
    _ row: UInt32?, _ memory: SharedDescriptor?
  ) throws(RoleFailure) -> ClientTable? {
    guard let row, let memory else { return nil }
    do throws(Errno) {
      return try ClientTable(memory.raw, row: Int(row))
    } catch {
      throw RoleFailure("cannot map the table of clients: \(error)")
    }
  }

  private func loadBoard(
    of record: StartRecord, _ memory: SharedDescriptor?
  ) throws(RoleFailure) -> LoadBoard {
    guard let memory, record.processRank < record.processCount else {
      throw RoleFailure("the memory shared between the server processes is missing")
    }
    do throws(Errno) {
      let board = try LoadBoard(
        memory.raw, processes: Int(record.processCount),
        services: LoadBoard.services(of: record.listeners.map(\.service)).count,
        rank: Int(record.processRank))
      board.showLoop()
      return board
    } catch {
      throw RoleFailure("cannot map the memory shared between the server processes: \(error)")
    }
  }

  private func service(
    _ entry: StartRecord.Listener, of record: StartRecord, _ configuration: Configuration
  ) throws(RoleFailure) -> Configuration {
    guard Int(entry.settings) < record.serviceSettings.count else {
      throw RoleFailure("the settings of service \(entry.service) are missing")
    }
    let location = SourceLocation(file: "master.cf", line: 0)
    let assignments = record.serviceSettings[Int(entry.settings)].map {
      Assignment(name: $0[0], value: $0[1], location: location)
    }
    if assignments.isEmpty { return configuration }
    return configuration.overlaid(by: assignments).configuration
  }
}

extension RoleProcess {
  private func serve() async {
    while true {
      let received: MessageChannel.Delivery?
      do throws(StreamError) {
        received = try await master.receive()
      } catch {
        received = nil
      }
      guard let received, handle(received) else { return }
    }
  }

  /// Acts on messages of `master`; false when the role is to leave.
  private func handle(_ delivery: MessageChannel.Delivery) -> Bool {
    var descriptors = delivery.descriptors[...]
    for message in delivery.messages {
      switch message {
      case .channel(let peer, let pid):
        guard let passed = descriptors.popFirst() else { return false }
        attach(passed, to: peer, pid: pid)
      case .channelsComplete: service?.channelsComplete()
      case .sequences(let first, let count): service?.addSequences(first: first, count: count)
      case .resultsFile:
        guard let passed = descriptors.popFirst() else { return false }
        service?.keepResults(in: passed)
      case .ping: break
      case .refuse(let client): service?.refuse(client)
      case .trace(let filter):
        guard let passed = descriptors.popFirst() else { return false }
        service?.follow(filter, writingTo: passed)
      case .retire(let time): retire(within: time)
      case .logFile(let kind):
        guard let passed = descriptors.popFirst() else { return false }
        redirectLog(to: passed, kind)
      case .reconfigure(let record):
        guard let file = descriptors.popFirst(), let log = descriptors.popFirst() else {
          return false
        }
        reconfigure(record, file, log)
      case .drain: return false
      default: log?.warning("master", "unexpected message from master")
      }
    }
    return true
  }

  private func attach(_ passed: SharedDescriptor, to peer: ProcessName, pid: Int32) {
    do {
      let channel = MessageChannel(
        try PacketChannel(try passed.duplicate(), backlogLimit: Self.backlogLimit))
      service?.attach(channel, to: peer, pid: pid)
    } catch {
      log?.error("master", "cannot watch the channel to \(peer.role.rawValue): \(error)")
    }
  }

  /// SIGTERM asks one role to leave; SIGINT belongs to `master`, which shares the terminal.
  private func watchSignals() {
    signal(SIGINT, SIG_IGN)
    signal(SIGHUP, SIG_IGN)
    guard let signals = try? SignalSource([SIGTERM]) else { return }
    reactorTask {
      guard (try? await signals.next()) != nil else { return }
      self.master.close()
    }
  }

  private func drain() async {
    guard !isDraining, let service else { return }
    isDraining = true
    // Less than `master` grants, which kills what is late: what ends at the last moment has still
    // to be told, and the queue to be closed behind it.
    await service.drain(deadline: Reactor.shared.now + drainTime * 4 / 5)
  }

  /// Lets `master` see that the loop turns, and says so when it stands still.
  private func showLife(
    of role: Role, in descriptor: Int32, _ configuration: Configuration
  ) throws(RoleFailure) -> LifePage {
    let page: LifePage
    do throws(Errno) {
      page = LifePage(try SharedPage(descriptor))
    } catch {
      throw RoleFailure("cannot map the page shared with master: \(error)")
    }
    Reactor.shared.showTurns(in: page.page)
    warnOfLag(of: role, configuration)
    return page
  }

  /// Says when the loop stands still for longer than `service_lag_warn_time`.
  func warnOfLag(of role: Role, _ configuration: Configuration) {
    Reactor.shared.watchLag(over: configuration[.serviceLagWarnTime]) { [weak self] lag in
      self?.log?.warning(
        role.logTag, "the event loop stood still for \(lag / .milliseconds(1)) ms")
    }
  }

  func readConfiguration(
    _ file: Int32, size: UInt64
  ) throws(RoleFailure) -> Configuration {
    let bytes = try read(file, size: size, what: "configuration")
    do throws(ConfigurationError) {
      return try Configuration(serialized: bytes)
    } catch {
      throw RoleFailure("cannot read the configuration: \(error)")
    }
  }

  /// Reads a memory file that came with the start record.
  private func read(
    _ file: Int32, size: UInt64, what: String
  ) throws(RoleFailure) -> [UInt8] {
    guard size <= Self.memoryFileSizeMax else {
      throw RoleFailure("the \(what) has over \(Self.memoryFileSizeMax) bytes")
    }
    do throws(Errno) {
      let bytes = try Files.read(file, count: Int(size), at: 0)
      guard bytes.count == Int(size) else { throw Errno.noData }
      return bytes
    } catch {
      throw RoleFailure("cannot read the \(what): \(error)")
    }
  }

  private func makeLog(
    _ descriptor: SharedDescriptor, record: StartRecord, configuration: Configuration
  ) throws(RoleFailure) -> Log {
    let own: OwnedDescriptor
    do throws(Errno) {
      own = try descriptor.duplicate()
    } catch {
      throw RoleFailure("cannot open the log: \(error)")
    }
    let log = Log(
      own, kind: record.logKind, capacity: Int(configuration[.logBufferSize]),
      hostName: configuration[.myhostname], syslogName: configuration[.syslogName],
      facility: 2)
    log.softBounce = configuration[.softBounce]
    return log
  }
}

/// Carries the exit status out of the loop.
private final class ExitStatusBox: @unchecked Sendable {
  var value: Int32 = 0
}
