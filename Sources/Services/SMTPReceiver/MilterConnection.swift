import LinuxSystem
import MailSite
import MailTypes
import MilterCore
import Primitives
import QueueStore
import Reactor
import SMTPServerCore
import ServiceKit
import Streams
import SystemPackage

/// Why a milter could not be asked, or what it said could not be done.
enum MilterTrouble: Error {
  /// There is no connection, for this reason.
  case connect(String)
  /// The connection broke at a stage, for this reason.
  case stream(MilterStage?, String)
  /// It broke the protocol at a stage.
  case fault(MilterStage?, MilterFault)
  /// The session is to end.
  case cancelled
  /// The spool did not take, or give, a body.
  case spool(SpoolError)
  /// The body that it wants to put in is too large.
  case tooBig
}

/// One milter's connection for one session: opened at the first word, closed with the session.
@ReactorActor
final class MilterConnection {
  /// Bytes for the milter that are collected before they are sent.
  private static let outgoingMax = 64 << 10

  /// Packets of an answer that are taken before others get their turn.
  private static let packetsPerTurn = 64
  /// What changes may cost (`MessageEdits.steps`) before others get their turn.
  private static let stepsPerTurn = 4096

  let service: MilterService
  private(set) var session: MilterSession
  private let dialing: MilterDialing
  private let log: @ReactorActor (String) -> Void
  private var stream: ByteStream?
  private var reader = MilterPacketReader()
  private var out: [UInt8] = []

  /// - Parameters:
  ///   - dialing: opens the connection.
  ///   - log: writes a line.
  init(
    _ service: MilterService, macros: [MilterStage: [String]], dialing: MilterDialing,
    log: @escaping @ReactorActor (String) -> Void
  ) {
    self.service = service
    self.dialing = dialing
    self.log = log
    session = MilterSession(service.offer, defaultAction: service.defaultAction, macros: macros)
  }

  /// Tells the milter of an event and gives its verdict. What it changes is noted in `edits`.
  ///
  /// Throws only what ends the session.
  func tell(
    _ event: MilterEvent, _ macros: MilterMacros, _ edits: MessageEdits? = nil
  ) async throws(SessionEnd) -> MilterVerdict {
    if let standing = session.standing(at: event.stage) { return standing }
    do throws(MilterTrouble) {
      if session.isFresh { try await begin() }
      let isAnswered = session.tell(event, { macros.value($0) }, into: &out)
      if !isAnswered {
        if out.count >= Self.outgoingMax { try await send(at: event.stage) }
        return .proceed
      }
      return try await answer(at: event.stage, edits)
    } catch {
      return try fail(error)
    }
  }

  /// What follows from trouble: the milter is not asked again in this session.
  func fail(_ trouble: MilterTrouble) throws(SessionEnd) -> MilterVerdict {
    stream?.close()
    stream = nil
    switch trouble {
    case .cancelled: throw .shutDown
    case .connect(let reason):
      log("warning: connect to Milter service \(service.name): \(reason)")
    case .stream(let stage, let reason):
      let what = stage.map { "\($0.name) reply" } ?? "option negotiation"
      log("warning: milter \(service.name): can't read \(what) packet header: \(reason)")
    case .fault(let stage, let fault):
      let place = stage.map { " after event \($0.name)" } ?? " in option negotiation"
      log("warning: milter \(service.name): \(fault)\(place)")
    case .spool(let error):
      _ = session.fail()
      return .refuse(SMTPReply(refusing: error))
    case .tooBig:
      _ = session.fail()
      return .refuse(.messageTooBig)
    }
    return session.fail()
  }

  /// Says that the message under way is no more.
  func abort() {
    session.abort(into: &out)
    sendNow()
  }

  /// Ends the connection.
  func close() {
    if session.isListening { session.quit(into: &out) }
    sendNow()
    stream?.close()
    stream = nil
  }

  private func begin() async throws(MilterTrouble) {
    let deadline = Reactor.shared.now + service.connectTimeout
    let stream = try await dialing.connect(to: service, deadline: deadline)
    self.stream = stream
    out = session.negotiation()
    try await send(at: nil, deadline)
    let packet = try await packet(at: nil, deadline)
    do throws(MilterFault) {
      try session.agree(packet)
    } catch {
      throw .fault(nil, error)
    }
  }

  private func timeout(at stage: MilterStage?) -> Duration {
    switch stage {
    case nil: service.connectTimeout
    case .header, .endOfHeader, .body, .endOfMessage: service.contentTimeout
    default: service.commandTimeout
    }
  }

  /// Reads what the milter has to say about a stage; each packet has the whole time.
  private func answer(
    at stage: MilterStage, _ edits: MessageEdits?
  ) async throws(MilterTrouble) -> MilterVerdict {
    try await send(at: stage)
    var edited = 0
    var turn = (packets: 0, steps: edits?.steps ?? 0)
    while true {
      // Packets that have come already never let a read wait.
      let steps = edits?.steps ?? 0
      if turn.packets >= Self.packetsPerTurn || steps - turn.steps >= Self.stepsPerTurn {
        await Reactor.shared.yieldTurn()
        turn = (0, steps)
      }
      turn.packets += 1
      let packet = try await packet(at: stage, Reactor.shared.now + timeout(at: stage))
      let answer: MilterSession.Answer
      do throws(MilterFault) {
        answer = try session.take(packet, at: stage)
      } catch .discardWithoutMessage {
        log("warning: milter \(service.name): \(MilterFault.discardWithoutMessage)")
        return .proceed
      } catch {
        throw .fault(stage, error)
      }
      switch answer {
      case .wait: continue
      case .verdict(let verdict): return verdict
      case .edit(let edit):
        guard let edits else { throw .fault(stage, .unexpected(packet.code)) }
        if edit.isCounted { edited += 1 }
        guard edited <= service.editLimit else {
          throw .fault(stage, .edits(service.editLimit))
        }
        try await edits.note(edit, keepingSpace: session.keepsLeadingSpace)
      }
    }
  }

  private func send(
    at stage: MilterStage?, _ deadline: MonotonicTime? = nil
  ) async throws(MilterTrouble) {
    guard let stream, !out.isEmpty else { return }
    let bytes = out
    out = []
    do throws(StreamError) {
      try await stream.write(
        bytes, deadline: deadline ?? Reactor.shared.now + timeout(at: stage))
    } catch {
      throw trouble(stage, error)
    }
  }

  /// Sends what need not arrive, if it goes at once.
  private func sendNow() {
    guard let stream, !out.isEmpty else { return }
    // Where nobody listens any more, nobody misses it. What finds no room goes with what follows.
    let sent = (try? stream.writeNow(out)) ?? out.count
    out.removeFirst(sent)
  }

  private func packet(
    at stage: MilterStage?, _ deadline: MonotonicTime
  ) async throws(MilterTrouble) -> MilterPacket {
    guard let stream else { throw .stream(stage, "no connection") }
    while true {
      do throws(MilterFault) {
        if let packet = try reader.next() { return packet }
      } catch {
        throw .fault(stage, error)
      }
      do throws(StreamError) {
        guard try await stream.read(deadline: deadline, { reader.take($0) }) != nil else {
          throw .closed
        }
      } catch {
        throw trouble(stage, error)
      }
    }
  }

  private func trouble(_ stage: MilterStage?, _ error: StreamError) -> MilterTrouble {
    if case .cancelled = error { return .cancelled }
    return .stream(stage, error.milterReason)
  }
}

extension StreamError {
  /// The reason as Postfix's log has it.
  var milterReason: String {
    switch self {
    case .timedOut: "Connection timed out"
    case .closed: "Application error"
    case .system(let errno): "\(errno)"
    case .cancelled, .shortFile, .backlogFull, .security: "\(self)"
    }
  }
}
