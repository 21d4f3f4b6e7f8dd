import LinuxSystem
package import Primitives
package import Reactor
package import ServiceKit
import Streams
import SystemPackage

/// The `control` role: takes commands from local users and passes them to `qmgr`.
///
/// It knows who asks by `SO_PEERCRED`, holds no mail, and lets no answer pile up: the next part of
/// a list is fetched when the client has taken the one before.
@ReactorActor
package final class ControlService: RoleService {
  private let context: RoleContext
  private let listener: Watched
  private var queue: MessageChannel?
  private var questions: [UInt32: Mailbox<Answer>] = [:]
  private var nextQuestion: UInt32 = 1
  private var sessions: [ObjectIdentifier: ByteStream] = [:]
  /// Sessions of each user that is not trusted.
  private var strangers: [UInt32: Int] = [:]
  /// Who is allowed to change other people's mail beside the superuser.
  private let owner: UInt32
  private let superuser: UInt32
  /// Sessions whose command is being answered.
  private var answering: Set<ObjectIdentifier> = []
  private var isDraining = false
  /// The ends at which lines of followed sessions arrive.
  private var traces: [ObjectIdentifier: PacketChannel] = [:]
  private let sessionEnded = Gate()

  /// How long a command waits for a queue manager that is being started again.
  package nonisolated static let queuePatience: Duration = .seconds(3)
  private let queuePatience: Duration
  private let queueCame = Gate()
  /// Sessions at once; more wait in the kernel.
  private static let sessionsMax = 50
  /// Sessions at once of users that may not give orders: the rest is kept for who may.
  private static let strangersMax = 40
  /// Of them those of one user.
  nonisolated static let sessionsOfOneUserMax = 8
  /// Commands that follow sessions at once.
  private static let tracesMax = 8
  /// How long a client may take for a step.
  private static let stepTime: Duration = .seconds(60)
  /// How long an answer that has been begun may go on when the process is to leave.
  private static let drainTime: Duration = .seconds(3)
  /// How long to wait when the system has no descriptors left.
  private static let shortagePause: Duration = .seconds(1)

  /// The refusal of a command while there is no queue manager.
  package nonisolated static let noQueueManager = "the queue manager is not running"

  struct Answer {
    var part: [UInt8]
    var last: Bool
  }

  /// Makes the service over its one listening socket.
  ///
  /// - Parameters:
  ///   - owner: the user that, beside the superuser, may give orders about messages; by default
  ///     whom this process runs as, which is `mail_owner` or who started the mail system.
  ///   - superuser: who may do everything.
  package init(
    _ context: RoleContext, owner: UInt32 = Identity.uid, superuser: UInt32 = 0,
    queuePatience: Duration = queuePatience
  ) throws(RoleFailure) {
    self.superuser = superuser
    self.queuePatience = queuePatience
    self.owner = owner
    guard let socket = context.listeners.first else {
      throw RoleFailure("control has no socket to listen on")
    }
    self.context = context
    do {
      listener = try Watched(try socket.descriptor.duplicate(), as: .sharedListener)
    } catch {
      throw RoleFailure("cannot watch the control socket: \(error)")
    }
  }

  package func start() async throws(RoleFailure) {
    reactorTask { await self.acceptAll() }
  }

  package func attach(_ channel: MessageChannel, to peer: ProcessName, pid: Int32) {
    guard peer.role == .qmgr else { return channel.close() }
    queue?.close()
    queue = channel
    queueCame.pulse()
    // Whoever asked the one before gets no answer any more.
    for question in questions.values { question.close() }
    reactorTask { await self.listen(to: channel) }
  }

  package func retire() {
    // For these this process may have been woken, and nobody else.
    if listener.isOpen { _ = takeSessions() }
    isDraining = true
    listener.close()
    context.releaseListeners()
  }

  package func finishWork(deadline: MonotonicTime) async {
    try? await sessionEnded.wait(deadline: deadline) { !sessions.isEmpty }
  }

  package func drain(deadline: MonotonicTime) async {
    isDraining = true
    listener.close()
    for trace in traces.values { trace.close() }
    for (id, stream) in sessions where !answering.contains(id) { stream.close() }
    let end = min(deadline, Reactor.shared.now + Self.drainTime)
    do throws(WaitError) {
      try await sessionEnded.wait(deadline: end) { !sessions.isEmpty }
    } catch {
      context.log.warning("control", "\(sessions.count) sessions did not end in time")
    }
    for stream in sessions.values { stream.close() }
  }

  private func listen(to channel: MessageChannel) async {
    while let received = try? await channel.receive() {
      for case .queueAnswer(let id, let part, let last) in received.messages {
        _ = questions[id]?.push(Answer(part: part, last: last))
      }
    }
    guard queue === channel else { return }
    queue = nil
    for question in questions.values { question.close() }
  }

  private func acceptAll() async {
    do {
      while true {
        try await listener.readable(deadline: nil)
        if !takeSessions() { try await sleep(until: Reactor.shared.now + Self.shortagePause) }
        try await sessionEnded.wait { sessions.count >= Self.sessionsMax }
      }
    } catch {
      // The listener has been closed: the process leaves.
      return
    }
  }

  /// Takes those who wait, within bounds; false when the system has no descriptors left.
  private func takeSessions() -> Bool {
    while sessions.count < Self.sessionsMax {
      do throws(Errno) {
        guard let accepted = try Sockets.accept(listener.raw) else { return true }
        let socket = accepted.take()
        let uid = try Sockets.peerCredentials(socket.raw).uid
        // Who is refused finds the connection closed.
        guard isTrusted(uid) || hasRoom(forStranger: uid) else { continue }
        begin(try ByteStream(socket), uid: uid)
      } catch {
        context.log.warning("control", "cannot accept a connection: \(error)")
        return false
      }
    }
    return true
  }

  private func isTrusted(_ uid: UInt32) -> Bool { uid == superuser || uid == owner }

  private func hasRoom(forStranger uid: UInt32) -> Bool {
    strangers.values.reduce(0, +) < Self.strangersMax
      && strangers[uid, default: 0] < Self.sessionsOfOneUserMax
  }

  private func begin(_ stream: ByteStream, uid: UInt32) {
    let id = ObjectIdentifier(stream)
    sessions[id] = stream
    let isTrusted = isTrusted(uid)
    if !isTrusted { strangers[uid, default: 0] += 1 }
    reactorTask {
      await self.serve(stream, isTrusted: isTrusted)
      stream.close()
      self.sessions[id] = nil
      if !isTrusted {
        let left = self.strangers[uid, default: 1] - 1
        self.strangers[uid] = left > 0 ? left : nil
      }
      self.sessionEnded.pulse()
    }
  }

  private func serve(_ stream: ByteStream, isTrusted: Bool) async {
    let id = ObjectIdentifier(stream)
    var reader = ControlFrameReader()
    do {
      repeat {
        guard let command = try await nextCommand(stream, &reader) else { return }
        answering.insert(id)
        defer { answering.remove(id) }
        try await answer(command, to: stream, isTrusted: isTrusted)
      } while !isDraining
    } catch {
      // The client went away or does not speak the protocol: nothing is owed to it.
      return
    }
  }

  private func nextCommand(
    _ stream: ByteStream, _ reader: inout ControlFrameReader
  ) async throws -> [UInt8]? {
    // One deadline for the whole command: a byte now and then keeps no place.
    let deadline = Reactor.shared.now + Self.stepTime
    while true {
      if let frame = try reader.next() {
        guard case .command(let bytes) = frame else { throw ControlFrameReader.Violation() }
        return bytes
      }
      var fresh: [UInt8] = []
      guard try await stream.read(deadline: deadline, { fresh.append(contentsOf: $0) }) != nil
      else { return nil }
      fresh.withUnsafeBytes { reader.append($0) }
    }
  }

  private func answer(
    _ command: [UInt8], to stream: ByteStream, isTrusted: Bool
  ) async throws {
    guard let meaning = try? QueueCommand(decoding: command) else {
      return try await send(.refused("unknown command"), to: stream)
    }
    guard isTrusted || !meaning.isForOwner else {
      return try await send(
        .refused("use of this command is reserved for the superuser"), to: stream)
    }
    if case .trace(let filter) = meaning { return try await follow(filter, for: stream) }
    let end = Reactor.shared.now + queuePatience
    repeat {
      if queue == nil { try? await queueCame.wait(deadline: end) { queue == nil } }
      guard let queue else {
        return try await send(.refused(Self.noQueueManager), to: stream)
      }
      if try await passOn(command, to: queue, answering: stream) { return }
      // It died before it said anything. What it may have done already the next one finds done:
      // every command can be given twice.
    } while Reactor.shared.now < end
    try await send(.refused("no answer from the queue manager: it died"), to: stream)
  }

  /// Has the queue manager carry out a command; false when it was lost before it began to answer.
  private func passOn(
    _ command: [UInt8], to queue: MessageChannel, answering stream: ByteStream
  ) async throws -> Bool {
    let id = nextQuestion
    nextQuestion &+= 1
    let answers = Mailbox<Answer>(capacity: 2)
    questions[id] = answers
    defer { questions[id] = nil }
    queue.post(.queueCommand(id: id, command: command))
    var hasBegun = false
    do {
      while true {
        let answer = try await answers.next(deadline: Reactor.shared.now + Self.stepTime)
        hasBegun = true
        if !answer.part.isEmpty { try await send(.part(answer.part), to: stream) }
        if answer.last {
          try await send(.end, to: stream)
          return true
        }
        queue.post(.queueCommand(id: id, command: QueueCommand.more.encoded))
      }
    } catch let error as WaitError {
      queue.post(.queueCommand(id: id, command: QueueCommand.cancel.encoded))
      if case .closed = error, !hasBegun { return false }
      try await send(.refused("no answer from the queue manager: \(error)"), to: stream)
      return true
    } catch {
      queue.post(.queueCommand(id: id, command: QueueCommand.cancel.encoded))
      throw error
    }
  }

  /// Passes on what sessions show until the client goes; the connection ends with it.
  private func follow(_ filter: TraceFilter, for stream: ByteStream) async throws {
    guard traces.count < Self.tracesMax else {
      return try await send(.refused("too many commands follow sessions already"), to: stream)
    }
    var pair = try Sockets.packetPair()
    let lines = try PacketChannel(pair.takeFirst())
    let id = ObjectIdentifier(lines)
    traces[id] = lines
    defer {
      lines.close()
      traces[id] = nil
      stream.close()
    }
    let writing = pair.takeSecond()
    context.master.post(.trace(filter), descriptors: [writing.raw])
    context.master.flush()
    writing.close()
    reactorTask {
      // The client has nothing more to say: whatever comes is its end.
      _ = try? await stream.read(deadline: nil) { _ in }
      lines.close()
    }
    // A client that is slow has lines dropped where they are made: none piles up here.
    while let line = try await lines.receive(deadline: nil) {
      try await send(.part(line.bytes), to: stream)
    }
    try await send(.end, to: stream)
  }

  private func send(_ frame: ControlFrame, to stream: ByteStream) async throws {
    try await stream.write(frame.encoded, deadline: Reactor.shared.now + Self.stepTime)
  }
}
