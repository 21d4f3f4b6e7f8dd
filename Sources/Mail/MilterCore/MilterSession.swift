package import MailTypes
import Primitives

/// What becomes of a command or a message by a milter's word.
package enum MilterVerdict: Equatable, Sendable {
  /// It goes on.
  case proceed
  /// The message is accepted and thrown away.
  case discard
  /// The message enters the queue on hold.
  case hold
  /// It is refused with this reply; 421 ends the session.
  case refuse(SMTPReply)
}

/// What happens when a milter cannot be asked (`milter_default_action`).
package enum MilterDefaultAction: String, CaseIterable, Sendable {
  /// As if it were not there.
  case accept
  /// What it would have been asked about is refused.
  case reject
  /// It is refused for now.
  case tempfail
  /// The mail enters the queue on hold.
  case quarantine

  /// What it means for what the milter would have been asked about.
  package var verdict: MilterVerdict {
    switch self {
    case .accept: .proceed
    case .reject: .refuse(SMTPReply(550, EnhancedStatus(5, 5, 0), "Service unavailable"))
    case .tempfail: .refuse(.milterFailure)
    case .quarantine: .hold
    }
  }
}

extension SMTPReply {
  /// A milter refuses something for good.
  package static let milterRejection = SMTPReply(
    550, EnhancedStatus(5, 7, 1), "Command rejected")
  /// A milter refuses something for now, or does not work.
  package static let milterFailure = SMTPReply(
    451, EnhancedStatus(4, 7, 1), "Service unavailable - try again later")
  /// A milter ends the session.
  package static let milterShutdown = SMTPReply(
    421, EnhancedStatus(4, 7, 0), "Server closing connection")
}

/// One milter's side of one SMTP session: which packets it gets, and what its answers mean.
///
/// It touches no socket and no clock. Once a milter has accepted or refused a whole session, or
/// has failed, it is not asked again in that session.
package struct MilterSession: Sendable {
  /// The values of macros at a stage.
  package typealias Macros = (_ name: String) -> [UInt8]?

  /// What an answer means.
  package enum Answer: Equatable, Sendable {
    /// The milter is still at work: it has its whole time again.
    case wait
    /// A change of the message; more answers follow.
    case edit(MilterEdit)
    /// The end of the answer.
    case verdict(MilterVerdict)
  }

  /// The most macros that a milter may want at a stage: each is looked for at each of its events.
  package static let macrosMax = 256

  private enum State: Equatable {
    /// Nothing has been agreed on.
    case fresh
    /// It is asked about everything it wants to know.
    case asking
    /// It has decided about the message under way.
    case knowsMessage
    /// It has decided about the session, or has failed.
    case knowsSession(MilterVerdict)
  }

  private let offer: MilterProtocol
  private let defaultAction: MilterDefaultAction
  private var macros: [MilterStage: [String]]
  private var state = State.fresh
  private var version: UInt32 = 2
  private var actions: MilterActions = []
  private var steps: MilterSteps = []
  private var hasMessage = false
  private var skipsBody = false

  /// A session before the first word.
  ///
  /// - Parameter macros: the macros for each stage, unless the milter says which it wants.
  package init(
    _ offer: MilterProtocol, defaultAction: MilterDefaultAction, macros: [MilterStage: [String]]
  ) {
    self.offer = offer
    self.defaultAction = defaultAction
    self.macros = macros
  }

  /// Whether nothing has been agreed on yet.
  package var isFresh: Bool { state == .fresh }

  /// The first packet, to which the milter answers.
  package func negotiation() -> [UInt8] {
    var out: [UInt8] = []
    out.append(milterPacket: UInt8(ascii: "O")) { data in
      data.append(milterNumber: offer.version)
      data.append(milterNumber: offer.actions.rawValue)
      data.append(milterNumber: offer.steps.rawValue)
    }
    return out
  }

  /// Takes the answer to it.
  ///
  /// - Throws: what in it was not offered.
  package mutating func agree(_ packet: MilterPacket) throws(MilterFault) {
    guard packet.code == UInt8(ascii: "O") else { throw .unexpected(packet.code) }
    var data = MilterDataCursor(packet)
    version = try data.number()
    guard (2...offer.version).contains(version) else { throw .version(version) }
    actions = MilterActions(rawValue: try data.number())
    guard actions.isSubset(of: offer.actions) else { throw .options(actions.rawValue) }
    steps = MilterSteps(rawValue: try data.number())
    guard steps.isSubset(of: offer.steps) else { throw .options(steps.rawValue) }
    while !data.isAtEnd {
      guard actions.contains(.setMacros) else { throw .malformed(packet.code) }
      let number = try data.number()
      let text = String(decoding: try data.text(), as: UTF8.self)
      guard let stage = MilterStage.numbered[number] else { throw .malformed(packet.code) }
      let names = text.split { $0 == " " || $0 == "," || $0 == "\t" }
      guard names.count <= Self.macrosMax else { throw .malformed(packet.code) }
      macros[stage] = names.map(String.init)
    }
    state = .asking
  }

  /// What is known without asking; `nil` when the milter must be told.
  package mutating func standing(at stage: MilterStage) -> MilterVerdict? {
    if case .knowsSession(let verdict) = state { return verdict }
    if stage == .mail { beginMessage() }
    return state == .knowsMessage && !stage.isBeforeMessage ? .proceed : nil
  }

  /// Whether it is asked about everything it wants to know.
  package var isAsking: Bool { state == .asking }

  /// What it has decided about the whole session; `nil` for nothing.
  package var sessionVerdict: MilterVerdict? {
    if case .knowsSession(let verdict) = state { verdict } else { nil }
  }

  /// Whether white space in front of header values is its own affair.
  package var keepsLeadingSpace: Bool { steps.contains(.leadingSpace) }

  /// The macros that go with a stage.
  package func macroNames(at stage: MilterStage) -> [String] {
    wants(stage) ? macros[stage.macroStage] ?? [] : []
  }

  /// Whether the milter wants to know of a stage.
  package func wants(_ stage: MilterStage) -> Bool {
    if stage.version > version || steps.contains(stage.omission), stage != .endOfMessage {
      return false
    }
    return stage != .body || !skipsBody
  }

  /// Appends what the milter is to be told; true when it answers.
  package mutating func tell(
    _ event: MilterEvent, _ macros: Macros, into out: inout [UInt8]
  ) -> Bool {
    let stage = event.stage
    guard wants(stage) else { return false }
    append(macros, at: stage, to: &out)
    event.append(to: &out, keepingLeadingSpace: keepsLeadingSpace)
    return stage == .endOfMessage || !steps.contains(stage.silence)
  }

  private func append(_ values: Macros, at stage: MilterStage, to out: inout [UInt8]) {
    let found = (macros[stage.macroStage] ?? []).compactMap { name in
      values(name).map { (name, $0) }
    }
    guard !found.isEmpty else { return }
    out.append(milterPacket: UInt8(ascii: "D")) { data in
      data.append(stage.rawValue)
      for (name, value) in found {
        data.append(milterText: name.utf8)
        data.append(milterText: value)
      }
    }
  }

  /// Takes an answer.
  ///
  /// - Throws: what has no place there; the caller then lets the session `fail`.
  package mutating func take(
    _ packet: MilterPacket, at stage: MilterStage
  ) throws(MilterFault) -> Answer {
    switch try MilterResponse(packet) {
    case .progress: return .wait
    case .proceed:
      if stage == .endOfMessage { endMessage() }
      return .verdict(.proceed)
    case .accept:
      decide(.proceed, at: stage)
      return .verdict(.proceed)
    case .discard:
      guard !stage.isBeforeMessage else { throw .discardWithoutMessage }
      decide(.discard, at: stage)
      return .verdict(.discard)
    case .reject: return refuse(.milterRejection, at: stage)
    case .temporaryFailure: return refuse(.milterFailure, at: stage)
    case .reply(let reply): return refuse(reply, at: stage)
    case .shutdown:
      state = .knowsSession(.refuse(.milterShutdown))
      return .verdict(.refuse(.milterShutdown))
    case .skip:
      guard stage == .body, steps.contains(.skip) else { throw .unexpected(packet.code) }
      skipsBody = true
      return .verdict(.proceed)
    case .edit(let edit):
      guard stage == .endOfMessage else { throw .unexpected(packet.code) }
      guard actions.contains(edit.actions) else { throw .actionNotAgreed(packet.code) }
      return .edit(edit)
    }
  }

  private mutating func refuse(_ reply: SMTPReply, at stage: MilterStage) -> Answer {
    // Within a message it is about one command: who gives it again is judged again.
    if stage.isBeforeMessage || stage == .endOfMessage { decide(.refuse(reply), at: stage) }
    return .verdict(.refuse(reply))
  }

  private mutating func decide(_ verdict: MilterVerdict, at stage: MilterStage) {
    if stage.isBeforeMessage {
      state = .knowsSession(verdict)
    } else if stage == .endOfMessage {
      endMessage()
    } else {
      state = .knowsMessage
    }
  }

  private mutating func beginMessage() {
    hasMessage = true
    skipsBody = false
    if state == .knowsMessage { state = .asking }
  }

  private mutating func endMessage() {
    hasMessage = false
    if state == .knowsMessage { state = .asking }
  }

  /// The milter cannot be asked any more; what its default action says of everything that follows.
  package mutating func fail() -> MilterVerdict {
    state = .knowsSession(defaultAction.verdict)
    return defaultAction.verdict
  }

  /// Whether the milter still listens.
  package var isListening: Bool {
    switch state {
    case .asking, .knowsMessage: true
    case .fresh, .knowsSession: false
    }
  }

  /// Appends that the message under way is no more, if there is one.
  package mutating func abort(into out: inout [UInt8]) {
    guard hasMessage, isListening else { return }
    endMessage()
    out.append(milterPacket: UInt8(ascii: "A"))
  }

  /// Appends that the session is over.
  package func quit(into out: inout [UInt8]) {
    out.append(milterPacket: UInt8(ascii: "Q"))
  }
}
