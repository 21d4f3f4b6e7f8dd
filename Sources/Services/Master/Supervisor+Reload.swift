import LinuxSystem
import Primitives
import Reactor
import ServiceKit

/// Other processes, or for `qmgr` another configuration, in place of those that serve.
///
/// The new ones serve before the old ones stop, on the same sockets, so that no client is refused.
/// Until `qmgr` has taken the configuration everything can still be taken back.
extension Supervisor {
  /// What `qmgr` says to a new configuration.
  enum QueueAnswer: Equatable {
    case taken
    case refused(String)
  }

  /// How long a process may take to say that it takes no new work.
  private static let retireTime: Duration = .seconds(5)
  /// Beyond what it was given, before a process that leaves is killed.
  private static let grace: Duration = .seconds(5)

  /// Every name that a process has or is going to have.
  var namesInUse: Set<ProcessName> { Set(children.keys).union(plan.processes) }

  /// Replaces what serves.
  ///
  /// - Returns: why nothing was changed, or `nil`.
  func reload(_ fresh: Provision) async -> String? {
    precondition(candidate == nil, "one reload after the other")
    candidate = fresh
    candidateFailure = nil
    let newcomers = fresh.plan.processes.filter { $0.role != .qmgr }
    guard clients.freeCount >= fresh.plan.receiverCount else {
      candidate = nil
      return "\(fresh.plan.receiverCount) more smtpd processes are too many beside "
        + "\(ClientTableRows.count - clients.freeCount) that end their sessions: "
        + "try again after drain_time"
    }
    let deadline = Reactor.shared.now + fresh.plan.startTimeout
    for name in newcomers { start(name) }
    if let refusal = await waitForService(of: newcomers, fresh, deadline: deadline) {
      withdraw(newcomers)
      return refusal
    }
    let former = provision
    provision = fresh
    candidate = nil
    if let refusal = await reconfigureQueueManager(deadline: deadline) {
      provision = former
      withdraw(newcomers)
      for name in former.plan.processes { start(name) }
      return refusal
    }
    if fresh.logDescriptor !== former.logDescriptor {
      for child in children.values where child.name.role != .qmgr && !newcomers.contains(child.name)
      {
        child.channel.post(
          .logFile(fresh.logKind), descriptors: [fresh.logDescriptor.raw])
      }
    }
    var refused = RefusedClients(limit: plan.crashRefusalLimit)
    let now = Reactor.shared.now
    for client in refusedClients.entries(at: now) { refused.add(client, now: now) }
    refusedClients = refused
    await retire(former)
    beginWatch()
    tellIfAllServe()
    return nil
  }

  private func waitForService(
    of newcomers: [ProcessName], _ fresh: Provision, deadline: MonotonicTime
  ) async -> String? {
    do throws(WaitError) {
      try await change.wait(deadline: deadline) {
        !isStopping && candidateFailure == nil
          && !newcomers.allSatisfy { children[$0]?.isReady ?? false }
      }
    } catch {
      return "the new processes do not serve after \(fresh.plan.startTimeout)"
    }
    return isStopping ? "the mail system is stopping" : candidateFailure
  }

  /// Ends processes that are not to serve after all.
  private func withdraw(_ newcomers: [ProcessName]) {
    candidate = nil
    for name in newcomers {
      guard let child = children[name] else { continue }
      child.drain()
      child.end(after: plan.drainTime + Self.grace, log)
    }
  }

  /// Has `qmgr` go on with the new configuration. One that is being started anew gets it anyway.
  ///
  /// - Returns: why it does not, or `nil`.
  private func reconfigureQueueManager(deadline: MonotonicTime) async -> String? {
    let name = ProcessName(role: .qmgr, index: 0)
    guard let queue = children[name] else { return nil }
    queueAnswer = nil
    queue.channel.post(
      .reconfigure(provision.record(for: name)),
      descriptors: [provision.configurationFile.raw, provision.logDescriptor.raw])
    do throws(WaitError) {
      try await change.wait(deadline: deadline) {
        !isStopping && queueAnswer == nil && children[name] === queue
      }
    } catch {
      // It may still take it: which one it goes on with must be certain.
      log.warning("master", "qmgr pid \(queue.pid) does not answer: killing")
      queue.kill()
    }
    if case .refused(let reason)? = queueAnswer { return reason }
    return nil
  }

  /// Has the processes of a configuration leave that is not in force any more.
  private func retire(_ former: Provision) async {
    let names = former.plan.processes.filter { $0.role != .qmgr }
    for name in names {
      pendingStarts.removeValue(forKey: name)?.cancel()
      policies[name] = nil
    }
    let generation = names.compactMap { children[$0] }
    let time = plan.reloadDrainTime
    for child in generation {
      child.retire(within: time)
      child.end(after: time + former.plan.drainTime + Self.grace, log)
    }
    if !generation.isEmpty { leaving.append(generation) }
    endOldest()
    do throws(WaitError) {
      try await change.wait(deadline: Reactor.shared.now + Self.retireTime) {
        !isStopping && generation.contains { children[$0.name] === $0 && !$0.hasRetired }
      }
    } catch {
      log.warning("master", "some processes of the old configuration still take new work")
    }
  }

  /// Keeps `reload_generation_limit`, and room in the table of clients for one reload more: the
  /// oldest have had the most time.
  private func endOldest() {
    while let oldest = leaving.first {
      let receivers = leaving.joined().count { $0.name.role == .smtpd } + 2 * plan.receiverCount
      let isOverLimit = leaving.count > plan.reloadGenerationLimit
      guard isOverLimit || receivers > ClientTableRows.count else { return }
      leaving.removeFirst()
      let limit = isOverLimit ? "reload_generation_limit" : "the most smtpd processes at a time"
      log.warning("master", "\(limit) is reached: \(oldest.count) old processes end now")
      for child in oldest {
        child.drain()
        child.end(after: plan.drainTime + Self.grace, log)
      }
    }
  }

  /// A process that was leaving has left.
  func forgetLeaving(_ child: RoleChild) {
    guard child.isLeaving else { return }
    leaving = leaving.map { $0.filter { $0 !== child } }.filter { !$0.isEmpty }
  }

  /// A process takes no new work any more.
  func noteRetired(_ child: RoleChild) {
    child.hasRetired = true
    change.pulse()
  }

  /// A process does not serve; that ends a reload that waits for it.
  func noteFailure(of name: ProcessName, _ reason: String) {
    guard let candidate, !plan.processes.contains(name), candidate.plan.processes.contains(name),
      candidateFailure == nil
    else { return }
    candidateFailure = "\(name.role.rawValue): \(reason)"
    change.pulse()
  }

  /// `qmgr` has judged a new configuration.
  func noteAnswer(_ answer: QueueAnswer) {
    queueAnswer = answer
    change.pulse()
  }
}

extension Provision {
  /// What a process of this name needs to know of the configuration.
  func record(for name: ProcessName) -> StartRecord {
    let peers = plan.processes.filter { $0.role == name.role }
    let agents = plan.processes.filter { $0.role == .smtp || $0.role == .local }
    return StartRecord(
      name: name, user: name.role == .local ? nil : plan.user, logKind: logKind,
      configurationSize: plan.configurationSize, transports: plan.transports(of: name.role),
      serviceSettings: plan.serviceSettings, processCount: UInt32(peers.count),
      processRank: UInt32(peers.firstIndex(of: name) ?? 0),
      agents: name.role == .qmgr ? agents : [])
  }
}
