package import Configuration
package import LinuxSystem
package import Primitives
package import Reactor

/// Why a role cannot serve; `master` logs the text and tries again later.
package struct RoleFailure: Error {
  /// What happened, where, and what to do.
  package let reason: String

  /// Explains a failure.
  package init(_ reason: String) {
    self.reason = reason
  }
}

/// What a role process does once it has been started; `RoleProcess` drives it.
@ReactorActor
package protocol RoleService: AnyObject {
  /// Makes the role ready to serve; it is announced to `master` when this returns.
  func start() async throws(RoleFailure)

  /// A channel to a peer, new or in place of an older one.
  func attach(_ channel: MessageChannel, to peer: ProcessName, pid: Int32)

  /// To `qmgr`: the channels of all peers that live at its start have been attached.
  func channelsComplete()

  /// More numbers for spool segments.
  func addSequences(first: UInt64, count: UInt32)

  /// To a delivery agent: the file in which its results outlive it.
  func keepResults(in file: SharedDescriptor)
  /// To `smtpd`: a client that is not served for a while.
  func refuse(_ client: RefusedClients.Entry)
  /// To `smtpd`: somebody wants to follow sessions.
  func follow(_ filter: TraceFilter, writingTo socket: SharedDescriptor)

  /// Takes no new work any more: others serve with a new configuration.
  func retire()

  /// After `retire`: waits until what is in hand is finished in peace, or until the deadline.
  func finishWork(deadline: MonotonicTime) async

  /// To `qmgr`: goes on with another configuration.
  ///
  /// - Throws: why it cannot be used; the service goes on with the old one then.
  func reconfigure(_ context: RoleContext) async throws(RoleFailure)

  /// Takes no new work, finishes what is in hand until `deadline`, and returns.
  func drain(deadline: MonotonicTime) async
}

extension RoleService {
  /// Only `qmgr` waits for its peers.
  package func channelsComplete() {}

  /// Only writers use sequences.
  package func addSequences(first: UInt64, count: UInt32) {}

  /// Only delivery agents have results.
  package func keepResults(in file: SharedDescriptor) {}
  /// Only `smtpd` has clients that can be refused.
  package func refuse(_ client: RefusedClients.Entry) {}
  /// Only `smtpd` has sessions that are followed.
  package func follow(_ filter: TraceFilter, writingTo socket: SharedDescriptor) {}

  /// `qmgr` is never replaced by a reload (spool rule R16).
  package func retire() {}

  /// `qmgr` is never replaced by a reload.
  package func finishWork(deadline: MonotonicTime) async {}

  /// All roles but `qmgr` are replaced instead.
  package func reconfigure(_ context: RoleContext) async throws(RoleFailure) {
    throw RoleFailure("\(context.name.role.rawValue) takes no other configuration")
  }
}

/// What a role has from `master` when it starts.
@ReactorActor
package final class RoleContext {
  /// A listening socket and the service that it belongs to.
  package struct Listener {
    /// The socket; its owner is the context's taker.
    package let descriptor: SharedDescriptor
    /// The service's name in `master.cf`.
    package let service: String
    /// The configuration with the service's `-o` settings.
    package let configuration: Configuration
  }

  /// Which process this is.
  package let name: ProcessName
  /// The configuration without any service's settings.
  package let configuration: Configuration
  /// The log.
  package let log: Log
  /// The channel to `master`.
  package let master: MessageChannel
  /// Where the process shows whose input it works at.
  package let page: LifePage
  /// Listening sockets to serve.
  package private(set) var listeners: [Listener]
  /// Keys and certificates that `master` has read, as `TLSPolicy` writes them; empty for none.
  package let keyMaterial: [UInt8]
  /// The first range of segment numbers.
  package let sequences: (first: UInt64, count: UInt32)
  /// How many processes share this role's limits.
  package let processCount: Int
  /// Which of them this is, from 0.
  package let processRank: Int
  /// To `qmgr`: the processes that deliver by this configuration.
  package let agents: [ProcessName]
  /// Clients that are not served for a while.
  package let refusals: [RefusedClients.Entry]

  /// The memory in which `qmgr` marks what it has in hand, of which `master` keeps the file.
  package let recordMarks: SharedDescriptor?
  private let role: Role
  /// To `smtpd`: how busy its processes are.
  package let loadBoard: LoadBoard?
  /// To `smtpd`: what is counted for each client of the host.
  package let clients: ClientTable?

  private let transports: [String: Configuration]
  private let arguments: [String: [String]]

  init(
    record: StartRecord, configuration: Configuration, log: Log, master: MessageChannel,
    page: LifePage, listeners: [Listener], transports: [String: Configuration],
    recordMarks: SharedDescriptor? = nil, clients: ClientTable? = nil,
    loadBoard: LoadBoard? = nil, keyMaterial: [UInt8] = []
  ) {
    self.clients = clients
    self.loadBoard = loadBoard
    self.recordMarks = recordMarks
    role = record.name.role
    self.keyMaterial = keyMaterial
    self.transports = transports
    arguments = Dictionary(
      record.transports.map { ($0.service, $0.arguments) }, uniquingKeysWith: { $1 })
    name = record.name
    self.configuration = configuration
    self.log = log
    self.master = master
    self.page = page
    self.listeners = listeners
    sequences = (record.sequenceFirst, record.sequenceCount)
    processCount = Int(record.processCount)
    processRank = Int(record.processRank)
    agents = record.agents
    refusals = record.refusals
  }

  /// Closes this process's listening sockets, but for copies that were made.
  package func releaseListeners() { listeners.removeAll() }

  /// The delivery services of `master.cf` that concern this role.
  package var transportNames: [String] { Array(transports.keys) }

  /// Whether the configuration of this process has a transport, or the role has it without a line
  /// in `master.cf`. After a reload a request may come from a configuration that it has not.
  package func knowsTransport(_ name: String) -> Bool {
    if transports[name] != nil { return true }
    return switch role {
    case .smtp: ["smtp", "relay", "lmtp"].contains(name)
    case .local: ["local", "virtual"].contains(name)
    default: false
    }
  }

  /// The words behind the options of a delivery service of `master.cf`.
  package func arguments(ofTransport name: String) -> [String] { arguments[name] ?? [] }

  /// The configuration of a delivery service, with its `-o` settings where `master.cf` has it.
  package func configuration(ofTransport name: String) -> Configuration {
    transports[name] ?? configuration
  }
}
