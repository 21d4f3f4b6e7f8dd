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

/// Why a milter could not be asked.
enum MilterTrouble: Error {
  /// There is no connection, for this reason.
  case connect(String)
  /// The connection broke at a stage, for this reason.
  case stream(MilterStage?, String)
  /// It broke the protocol at a stage.
  case fault(MilterStage?, MilterFault)
  /// The session is to end.
  case cancelled
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
  /// When all about the message at hand has to be over (`milter_time_limit`); `nil` before content.
  private var contentEnd: MonotonicTime?

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

  /// A message begins to be shown: the milter's time for all of it runs from here.
  func beginContent() { contentEnd = Reactor.shared.now + service.timeLimit }

  /// Tells the milter of an event and gives its verdict. What it changes is noted in `edits`.
  ///
  /// Throws only what ends the session.
  func tell(
    _ event: MilterEvent, _ macros: MilterMacros, _ edits: MessageEdits? = nil
  ) async throws(SessionEnd) -> MilterVerdict {
    if let standing = session.standing(at: event.stage) { return standing }
    if !event.stage.isContent { contentEnd = nil }
    let end = contentEnd ?? Reactor.shared.now + service.timeLimit
    do throws(MilterTrouble) {
      if session.isFresh { try await begin() }
      let isAnswered = session.tell(event, { macros.value($0) }, into: &out)
      if !isAnswered {
        if out.count >= Self.outgoingMax {
          try await send(at: event.stage, deadline(at: event.stage, end))
        }
        return .proceed
      }
      return try await answer(at: event.stage, edits, end)
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
    guard let stage else { return service.connectTimeout }
    return stage.isContent ? service.contentTimeout : service.commandTimeout
  }

  private func deadline(at stage: MilterStage, _ end: MonotonicTime) -> MonotonicTime {
    min(Reactor.shared.now + timeout(at: stage), end)
  }

  /// Reads what the milter has to say about a stage; each packet has the whole time, up to `end`.
  ///
  /// What it wants done to the message and cannot be done refuses the message, once the milter has
  /// said all that it has to say: it is not at fault, and is asked about the next.
  private func answer(
    at stage: MilterStage, _ edits: MessageEdits?, _ end: MonotonicTime
  ) async throws(MilterTrouble) -> MilterVerdict {
    var refusal: SMTPReply?
    var edited = 0
    var turn = (packets: 0, steps: edits?.steps ?? 0)
    try await send(at: stage, deadline(at: stage, end))
    while true {
      // Packets that have come already never let a read wait.
      let steps = edits?.steps ?? 0
      if turn.packets >= Self.packetsPerTurn || steps - turn.steps >= Self.stepsPerTurn {
        await Reactor.shared.yieldTurn()
        turn = (0, steps)
      }
      turn.packets += 1
      if Reactor.shared.now >= end { throw .stream(stage, StreamError.timedOut.milterReason) }
      let packet = try await packet(at: stage, deadline(at: stage, end))
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
      case .verdict(let verdict):
        guard let refusal, verdict == .proceed || verdict == .hold else { return verdict }
        return .refuse(refusal)
      case .edit(let edit):
        guard let edits else { throw .fault(stage, .unexpected(packet.code)) }
        if edit.isCounted { edited += 1 }
        guard edited <= service.editLimit else {
          throw .fault(stage, .edits(service.editLimit))
        }
        guard refusal == nil else { continue }
        do throws(EditTrouble) {
          try await edits.note(edit, keepingSpace: session.keepsLeadingSpace)
        } catch .fault(let fault) {
          throw .fault(stage, fault)
        } catch {
          refusal = error.refusal
        }
      }
    }
  }

  private func send(
    at stage: MilterStage?, _ deadline: MonotonicTime
  ) async throws(MilterTrouble) {
    guard let stream, !out.isEmpty else { return }
    let bytes = out
    out = []
    do throws(StreamError) {
      try await stream.write(bytes, deadline: deadline)
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

extension MilterStage {
  fileprivate var isContent: Bool {
    switch self {
    case .header, .endOfHeader, .body, .endOfMessage: true
    default: false
    }
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
