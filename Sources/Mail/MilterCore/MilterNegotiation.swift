/// What a milter may do to a message (SMFIF).
package struct MilterActions: OptionSet, Sendable {
  /// The bits on the wire.
  package let rawValue: UInt32
  /// Wraps the bits.
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Add and insert header fields.
  package static let addHeaders = MilterActions(rawValue: 0x1)
  /// Replace the body.
  package static let changeBody = MilterActions(rawValue: 0x2)
  /// Add recipients.
  package static let addRecipients = MilterActions(rawValue: 0x4)
  /// Delete recipients.
  package static let deleteRecipients = MilterActions(rawValue: 0x8)
  /// Change and delete header fields.
  package static let changeHeaders = MilterActions(rawValue: 0x10)
  /// Put the message on hold.
  package static let quarantine = MilterActions(rawValue: 0x20)
  /// Change the sender.
  package static let changeSender = MilterActions(rawValue: 0x40)
  /// Add recipients with ESMTP parameters.
  package static let addRecipientsWithParameters = MilterActions(rawValue: 0x80)
  /// Say which macros it wants.
  package static let setMacros = MilterActions(rawValue: 0x100)
}

/// What is not sent to a milter, what it does not answer, and finer points (SMFIP).
package struct MilterSteps: OptionSet, Sendable {
  /// The bits on the wire.
  package let rawValue: UInt32
  /// Wraps the bits.
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The body may be skipped.
  package static let skip = MilterSteps(rawValue: 0x400)
  /// Refused recipients are told of too.
  package static let rejectedRecipients = MilterSteps(rawValue: 0x800)
  /// White space in front of header values is kept.
  package static let leadingSpace = MilterSteps(rawValue: 0x10_0000)
}

/// What the configuration says about the protocol of a milter.
package struct MilterProtocol: Sendable {
  /// The newest version to speak: 2, 3, 4 or 6 (`milter_protocol`).
  package let version: UInt32

  /// Speaks a version; `nil` for one that is not known.
  package init?(version: UInt32) {
    guard [2, 3, 4, 6].contains(version) else { return nil }
    self.version = version
  }

  /// What is offered.
  var actions: MilterActions { MilterActions(rawValue: version >= 6 ? 0x1ff : 0x3f) }

  /// What may be chosen.
  var steps: MilterSteps {
    switch version {
    // Refused recipients are told to nobody.
    case 6: MilterSteps(rawValue: 0x1f_ffff).subtracting(.rejectedRecipients)
    case 4: MilterSteps(rawValue: 0x37f)
    case 3: MilterSteps(rawValue: 0x17f)
    default: MilterSteps(rawValue: 0x7f)
    }
  }
}

/// When something is told to a milter.
package enum MilterStage: UInt8, CaseIterable, Sendable {
  /// The client connects.
  case connect = 0x43
  /// HELO or EHLO.
  case helo = 0x48
  /// MAIL.
  case mail = 0x4d
  /// RCPT.
  case recipient = 0x52
  /// DATA.
  case data = 0x54
  /// A header field.
  case header = 0x4c
  /// The end of the header.
  case endOfHeader = 0x4e
  /// A part of the body.
  case body = 0x42
  /// The end of the message.
  case endOfMessage = 0x45

  /// Its name in the protocol, for logs.
  package var name: String {
    switch self {
    case .connect: "SMFIC_CONNECT"
    case .helo: "SMFIC_HELO"
    case .mail: "SMFIC_MAIL"
    case .recipient: "SMFIC_RCPT"
    case .data: "SMFIC_DATA"
    case .header: "SMFIC_HEADER"
    case .endOfHeader: "SMFIC_EOH"
    case .body: "SMFIC_BODY"
    case .endOfMessage: "SMFIC_BODYEOB"
    }
  }

  /// The number under which a milter names the stage when it says which macros it wants.
  static let numbered: [UInt32: MilterStage] = [
    0: .connect, 1: .helo, 2: .mail, 3: .recipient, 4: .data, 5: .endOfMessage, 6: .endOfHeader,
  ]

  /// The step that says that the milter does not want it.
  var omission: MilterSteps { MilterSteps(rawValue: steps.omission) }

  /// The step that says that the milter does not answer it.
  var silence: MilterSteps { MilterSteps(rawValue: steps.silence) }

  private var steps: (omission: UInt32, silence: UInt32) {
    switch self {
    case .connect: (0x1, 0x1000)
    case .helo: (0x2, 0x2000)
    case .mail: (0x4, 0x4000)
    case .recipient: (0x8, 0x8000)
    case .body: (0x10, 0x8_0000)
    case .header: (0x20, 0x80)
    case .endOfHeader: (0x40, 0x4_0000)
    case .data: (0x200, 0x1_0000)
    case .endOfMessage: (0, 0)
    }
  }

  /// The first version that knows it.
  var version: UInt32 {
    self == .data ? 4 : 2
  }

  /// Whether there is no message yet: what is said then is about the session.
  var isBeforeMessage: Bool { self == .connect || self == .helo }

  /// The stage whose macros go ahead of it: a header field has those of the header's end, a part
  /// of the body those of the message's.
  var macroStage: MilterStage {
    switch self {
    case .header: .endOfHeader
    case .body: .endOfMessage
    default: self
    }
  }
}
