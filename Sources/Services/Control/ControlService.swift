import LinuxSystem
package import Primitives
package import Reactor
package import ServiceKit
import Streams

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
  private var sessions = 0
  /// Clients that are not owed an answer.
  private var idle: [ObjectIdentifier: ByteStream] = [:]
  private var isDraining = false
  private let sessionEnded = Gate()

  /// Sessions at once; more wait in the kernel.
  private static let sessionsMax = 50
  /// How long a client may take for a step.
  private static let stepTime: Duration = .seconds(60)

  struct Answer {
    var part: [UInt8]
    var last: Bool
  }

  /// Makes the service over its one listening socket.
  package init(_ context: RoleContext) throws(RoleFailure) {
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
    endQuestions()
    queue = channel
    reactorTask { await self.listen(to: channel) }
  }

  package func drain(deadline: MonotonicTime) async {
    isDraining = true
    listener.close()
    for stream in idle.values { stream.close() }
    while sessions > 0 {
      guard (try? await sessionEnded.wait(deadline: deadline)) != nil else { return }
    }
  }

  private func listen(to channel: MessageChannel) async {
    while let received = try? await channel.receive() {
      for case .queueAnswer(let id, let part, let last) in received.messages {
        _ = questions[id]?.push(Answer(part: part, last: last))
      }
    }
    guard queue === channel else { return }
    queue = nil
    endQuestions()
  }

  /// Nobody will answer what the queue manager that has gone was asked.
  private func endQuestions() {
    for question in questions.values { question.close() }
    questions.removeAll()
  }

  private func acceptAll() async {
    while true {
      guard (try? await listener.readable(deadline: nil)) != nil else { return }
      while sessions < Self.sessionsMax, let accepted = try? Sockets.accept(listener.raw) {
        guard let stream = try? ByteStream(accepted.take()) else { continue }
        sessions += 1
        reactorTask {
          await self.serve(stream)
          stream.close()
          self.sessions -= 1
          self.sessionEnded.pulse()
        }
      }
      while sessions >= Self.sessionsMax {
        guard (try? await sessionEnded.wait(deadline: nil)) != nil else { return }
      }
    }
  }

  private func serve(_ stream: ByteStream) async {
    var reader = ControlFrameReader()
    do {
      while let command = try await nextCommand(stream, &reader) {
        try await answer(command, to: stream)
      }
    } catch {
      // The client went away or does not speak the protocol: nothing is owed to it.
      return
    }
  }

  private func nextCommand(
    _ stream: ByteStream, _ reader: inout ControlFrameReader
  ) async throws -> [UInt8]? {
    while true {
      if case .command(let bytes)? = try reader.next() { return bytes }
      if isDraining { return nil }
      idle[ObjectIdentifier(stream)] = stream
      defer { idle[ObjectIdentifier(stream)] = nil }
      let deadline = Reactor.shared.now + Self.stepTime
      var fresh: [UInt8] = []
      guard try await stream.read(deadline: deadline, { fresh.append(contentsOf: $0) }) != nil
      else { return nil }
      fresh.withUnsafeBytes { reader.append($0) }
    }
  }

  private func answer(_ command: [UInt8], to stream: ByteStream) async throws {
    guard (try? QueueCommand(decoding: command)) != nil else {
      return try await send(.refused("unknown command"), to: stream)
    }
    guard let queue else {
      return try await send(.refused("the queue manager is not running"), to: stream)
    }
    let id = nextQuestion
    nextQuestion &+= 1
    let answers = Mailbox<Answer>(capacity: 2)
    questions[id] = answers
    defer { questions[id] = nil }
    queue.post(.queueCommand(id: id, command: command))
    do {
      while true {
        let answer = try await answers.next(deadline: Reactor.shared.now + Self.stepTime)
        if !answer.part.isEmpty { try await send(.part(answer.part), to: stream) }
        if answer.last { return try await send(.end, to: stream) }
        queue.post(.queueCommand(id: id, command: QueueCommand.more.encoded))
      }
    } catch let error as WaitError {
      try await send(.refused("no answer from the queue manager: \(error)"), to: stream)
    } catch {
      queue.post(.queueCommand(id: id, command: QueueCommand.cancel.encoded))
      throw error
    }
  }

  private func send(_ frame: ControlFrame, to stream: ByteStream) async throws {
    try await stream.write(frame.encoded, deadline: Reactor.shared.now + Self.stepTime)
  }
}
