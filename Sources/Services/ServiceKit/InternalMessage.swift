package import MailTypes

/// The processes of Martinet, as `master` starts them.
package enum Role: String, Sendable, CaseIterable {
  case smtpd
  case qmgr
  case smtp
  case local
  case control

  /// One byte for the wire.
  var code: UInt8 { UInt8(Self.allCases.firstIndex(of: self) ?? 0) }

  init(code: UInt8) throws(WireError) {
    guard Int(code) < Self.allCases.count else { throw .invalid }
    self = Self.allCases[Int(code)]
  }

  /// The tag of log lines about the process itself.
  var logTag: StaticString {
    switch self {
    case .smtpd: "smtpd"
    case .qmgr: "qmgr"
    case .smtp: "smtp"
    case .local: "local"
    case .control: "control"
    }
  }

  /// Whether the role appends messages to the spool and reports watermarks to `qmgr`.
  package var isWriter: Bool { self == .smtpd }

  /// Whether the role makes spool segments: writers, and `qmgr` for reports and copies.
  package var usesSequences: Bool { isWriter || self == .qmgr }

  /// The role that serves the transports of `master.cf` which run a program of Postfix; `nil` for
  /// programs that deliver nothing, or are not here.
  package static func agent(running program: String) -> Role? {
    switch program {
    case "smtp", "lmtp": .smtp
    case "local", "virtual", "pipe": .local
    default: nil
    }
  }

  /// Whether the role takes delivery requests from `qmgr`.
  package var isAgent: Bool { self == .smtp || self == .local }
}

/// One of the processes of a role: the role and its number, counted from 0.
package struct ProcessName: Hashable, Sendable {
  /// What it does.
  package var role: Role
  /// Which of the role's processes it is.
  package var index: UInt32

  /// Names a process.
  package init(role: Role, index: UInt32) {
    self.role = role
    self.index = index
  }

  /// Its name in those of the segments that it writes.
  package var spoolName: String { "\(role.rawValue)\(index)" }
}

/// How far a segment is flushed.
package struct SegmentMark: Hashable, Sendable {
  /// The segment's file name in the spool.
  package var fileName: String
  /// The segment.
  package var nonce: Nonce
  /// The end of what a flush has covered, in bytes from the start of the file.
  package var end: UInt64
  /// Whether the writer has ended the segment.
  package var sealed: Bool

  /// Marks a segment.
  package init(fileName: String, nonce: Nonce, end: UInt64, sealed: Bool) {
    self.fileName = fileName
    self.nonce = nonce
    self.end = end
    self.sealed = sealed
  }
}

/// Everything that two processes of Martinet say to each other: one enum, one codec, one version.
///
/// Change `protocolVersion` whenever a case or a field changes; a peer of another version is cut
/// off.
package enum InternalMessage: Equatable, Sendable {
  /// The version that every packet begins with.
  package static let protocolVersion: UInt8 = 9

  // master to a role
  /// The first message of a life; descriptors: configuration, log, page, listeners, and what the
  /// record names.
  case start(StartRecord)
  /// A new channel to a peer (its descriptor comes along); replaces an older one.
  case channel(ProcessName, pid: Int32)
  /// To `qmgr`: all channels of those alive when it started have been sent.
  case channelsComplete
  /// Finish what is in hand and leave.
  case drain
  /// Numbers for segments: `first..<first + count`, never given to anybody else.
  case sequences(first: UInt64, count: UInt32)
  /// Nothing but a turn of the loop is asked for: the page shows it.
  case ping
  /// To `smtpd`: serve this client no more for a while.
  case refuse(RefusedClients.Entry)
  /// From `control` to `master`, and on to each `smtpd`: show these sessions as they go on, as
  /// packets to the descriptor that comes along.
  case trace(TraceFilter)

  /// To a delivery agent: its descriptor, the agent's own file for results, comes along.
  case resultsFile

  /// Take no new work, finish what is in hand for at most so long, and leave: others serve with a
  /// new configuration.
  case retire(within: Duration)
  /// Go on with another log; its descriptor comes along.
  case logFile(LogKind)
  /// To `qmgr`: go on with another configuration; descriptors: configuration, log.
  case reconfigure(StartRecord)

  // a role to master
  /// The role serves.
  case ready
  /// The role cannot serve: why.
  case failed(String)
  /// More segment numbers, please.
  case needSequences
  /// From `qmgr`: this peer does not answer; end it.
  case mute(ProcessName)
  /// From `qmgr`: the channel to this process ended; if both live they need another.
  case channelEnded(ProcessName, pid: Int32)

  /// The role takes no new work any more.
  case retired
  /// `qmgr` goes on with the new configuration.
  case reconfigured
  /// `qmgr` cannot use the new configuration, and goes on with the old one: why.
  case notReconfigured(String)

  // writers and qmgr
  /// Every segment of a writer that is not sealed yet.
  case writerHello([SegmentMark])
  /// A segment is flushed up to here.
  case watermark(SegmentMark)
  /// From `qmgr`: whether new mail is welcome; the reason is the text of the 452 reply.
  case intake(accepting: Bool, reason: String)

  // qmgr and delivery agents
  /// A descriptor of a segment comes along, to be kept until `forget`.
  case segment(Nonce)
  /// Deliver this.
  case deliver(DeliveryRequest)
  /// The results of these deliveries are in the journal.
  case acknowledge([UInt64])
  /// Close the descriptor of this segment.
  case forget(Nonce)
  /// Deliveries in hand and results without acknowledgement, where they do not fit into the
  /// greeting that follows.
  case agentHolds(inHand: [DeliveryReference], results: [DeliveryResult])
  /// Deliveries in hand and results without acknowledgement, for a new `qmgr`.
  case agentHello(inHand: [DeliveryReference], results: [DeliveryResult], capacity: UInt32)
  /// What became of a delivery.
  case result(DeliveryResult)
  /// From an agent: it is on its way out and wants no more requests.
  case agentLeaves
  /// From `qmgr`: no more requests will come.
  case agentReleased

  // control and qmgr
  /// A command for the queue, numbered by `control`.
  case queueCommand(id: UInt32, command: [UInt8])
  /// A part of the answer to a command; `last` ends it.
  case queueAnswer(id: UInt32, part: [UInt8], last: Bool)
}
