import AddressRewriting
import LinuxSystem
import LookupTables
import MailTypes
import Primitives
import QueueFormat
import QueueStore
import Reactor
import Routing
import ServiceKit
import Streams
import TestSupport
import Testing

@testable import QueueManager

/// A queue manager over a spool in a temporary folder, and the ends of its channels.
@ReactorActor
final class Rig {
  let directory: TemporaryDirectory
  let queue: MailQueue
  let peers: Peers
  private let mutes: Mutes
  private static var nextSequence: UInt64 = 1
  /// Beyond those that the system gives.
  private static var nextPID: Int32 = 1 << 24

  /// - Parameters:
  ///   - directory: the spool of an earlier life.
  ///   - sequences: how many numbers for segments it has; without any it can write no mail.
  ///   - aliases: the table of virtual aliases, if there is one.
  ///   - localAliases: entries of an `inline:` table of local aliases.
  ///   - routes: the route of an address; `smtp:[sink.test]:25` unless it says otherwise.
  init(
    directory: TemporaryDirectory? = nil, marks: RecordMarks? = nil, sequences: UInt32 = 100,
    aliases: String = "", localAliases: String = "",
    settings: (inout QueueSettings) -> Void = { _ in },
    routes: @escaping @Sendable (String) -> String? = { _ in nil }
  ) throws {
    self.directory = try directory ?? TemporaryDirectory(prefix: "qmgr")
    for folder in ["segments", "corrupt", "pid", "results"] {
      try self.directory.makeDirectory(folder)
    }
    var values = QueueSettings(directory: self.directory.path)
    values.freeBytesMin = 0
    values.hostname = "mx.test"
    settings(&values)
    let file = try Files.open(
      self.directory.path("log"), [.write, .create, .append], permissions: 0o600)
    let log = Log(
      file, kind: .lines, capacity: 1 << 20, hostName: "mx", syslogName: "postfix", facility: 2)
    var tables = RoutingTables { domain in domain == "mx.test" }
    tables.transportMap = { key in routes(key) }
    var routing = RoutingSettings(resolver: AddressResolver(myhostname: "mx.test"))
    routing.relayhost = "[sink.test]:25"
    let opener = TableOpener { _ in nil }
    let aliases = AddressSearch(
      try TableSet(aliases.isEmpty ? [] : [aliases], opener: opener), delimiters: ""
    ) { domain in domain == "mx.test" }
    queue = try MailQueue(
      settings: values, log: log, disk: try LinuxDisk(path: self.directory.path),
      router: Router(settings: routing, tables: tables),
      rewriting: EnvelopeRewriting(
        resolver: routing.resolver,
        aliases: AliasExpansion(
          "virtual_alias_maps", aliases, resolver: routing.resolver, keepsExtension: true),
        localAliases: try Self.localAliases(localAliases, self.directory, routing.resolver)),
      marks: marks)
    let mutes = Mutes()
    self.mutes = mutes
    peers = Peers(
      queue, mute: { mutes.names.append($0) }, ended: { mutes.ended.append(($0, $1)) })
    peers.addSequences(first: Self.grant(), count: sequences)
  }

  /// Aliases of local users; the files that they include lie in the folder of the spool.
  private static func localAliases(
    _ entries: String, _ directory: TemporaryDirectory, _ resolver: AddressResolver
  ) throws -> LocalAliases? {
    if entries.isEmpty { return nil }
    let path = directory.path
    let opener = TableOpener { name in try? Files.readWhole(path + name, limit: 1000) }
    return LocalAliases(
      try TableSet(["inline:{\(entries)}"], opener: opener), resolver: resolver,
      settings: LocalAliases.Settings(), mayBeLocal: { $0.foldedDomain == "mx.test" },
      delivery: { $0.foldedDomain == "mx.test" ? $0 : nil },
      readFile: { name throws(LookupError) in try await opener.readIncluded(name, 1000) })
  }

  @ReactorActor
  private final class Mutes {
    var names: [ProcessName] = []
    var ended: [(process: ProcessName, pid: Int32)] = []
  }

  /// The processes that `master` was asked to end.
  var muted: [ProcessName] { mutes.names }

  /// The processes whose channels `master` was told to have ended.
  var ended: [(process: ProcessName, pid: Int32)] { mutes.ended }

  /// Begins this life with a writer and an agent, which have introduced themselves.
  func begin(
    capacity: UInt32 = 100, judge: @escaping TestAgent.Judge = TestAgent.deliverAll
  ) async throws -> (TestWriter, TestAgent) {
    try await peers.start()
    let writer = try TestWriter(self)
    let agent = try TestAgent(self, capacity: capacity, judge: judge)
    peers.channelsComplete()
    return (writer, agent)
  }

  /// Numbers for segments that no other writer of the tests has.
  static func grant() -> UInt64 {
    nextSequence += 1000
    return nextSequence
  }

  /// A channel from the queue manager to a process, whose end it returns.
  func connect(
    _ role: Role, _ index: UInt32 = 0, pid: Int32? = nil
  ) throws -> MessageChannel {
    try connectRaw(role, index, pid: pid).0
  }

  /// As `connect`, with what the channel speaks over.
  func connectRaw(
    _ role: Role, _ index: UInt32, pid: Int32?
  ) throws -> (MessageChannel, PacketChannel) {
    var pair = try Sockets.packetPair()
    let raw = try PacketChannel(pair.takeFirst())
    let mine = MessageChannel(raw)
    let theirs = MessageChannel(try PacketChannel(pair.takeSecond()))
    Self.nextPID += 1
    peers.attach(
      theirs, to: ProcessName(role: role, index: index), pid: pid ?? Self.nextPID)
    return (mine, raw)
  }

  /// The lines of the log so far, without their time stamps.
  var log: [String] {
    get throws {
      queue.log.flush()
      let text = String(decoding: try directory.read("log"), as: UTF8.self)
      return text.split(separator: "\n").map { line in
        line.split(separator: "postfix/", maxSplits: 1).last.map(String.init) ?? ""
      }
    }
  }

  /// The files of segments and journals.
  var files: [String] { get throws { try directory.names(in: "segments") } }

  /// Ends this life in good order.
  func drain() async {
    await peers.drain(deadline: Reactor.shared.now + .seconds(5))
  }
}

/// Waits until something is so; the test fails when it does not come about.
@ReactorActor
func eventually(
  _ what: String, within time: Duration = .seconds(10),
  _ isSo: @ReactorActor () throws -> Bool
) async throws {
  let deadline = Reactor.shared.now + time
  while try !isSo() {
    guard Reactor.shared.now < deadline else {
      Issue.record("never: \(what)")
      throw WaitError.timedOut
    }
    try await sleep(until: Reactor.shared.now + .milliseconds(2))
  }
}

/// A process that appends messages to the spool.
@ReactorActor
final class TestWriter {
  let channel: MessageChannel
  let spool: SpoolWriter
  private(set) var isRefused = false
  /// Whether what it writes is not announced.
  var isSilent: Bool {
    get { voice.isSilent }
    set { voice.isSilent = newValue }
  }
  private let voice: Voice
  /// The wall clock.
  var now: WallTime { Clocks.wallNow() }

  @ReactorActor
  private final class Voice {
    var isSilent = false
  }

  init(_ rig: Rig, index: UInt32 = 0, greets: Bool = true) throws {
    let voice = Voice()
    self.voice = voice
    let channel = try rig.connect(.smtpd, index)
    self.channel = channel
    spool = SpoolWriter(
      disk: try LinuxDisk(path: rig.directory.path), writer: "smtpd\(index)",
      settings: SpoolWriter.Settings(), helper: try HelperThread(name: "test-writer"),
      onProgress: { if !voice.isSilent { channel.post(.watermark(SegmentMark($0))) } },
      onLowSequences: {})
    let first = Rig.grant()
    spool.addSequences(first..<first + 100)
    if greets { channel.post(.writerHello([])) }
    reactorTask { await self.listen() }
  }

  private func listen() async {
    while let delivery = try? await channel.receive() {
      for case .intake(let accepting, _) in delivery.messages { isRefused = !accepting }
    }
  }

  /// Brings a message to the spool; returns its name once it is durable.
  @discardableResult
  func send(
    from sender: String = "a@example.org", to recipients: [String],
    arrival: WallTime = Clocks.wallNow()
  ) async throws -> QueueID {
    try await send(
      Envelope(
        sender: MailAddress(sender),
        recipients: recipients.map { EnvelopeRecipient(MailAddress($0)) }, arrival: arrival))
  }

  /// Brings a message with this envelope to the spool.
  @discardableResult
  func send(
    _ envelope: Envelope, body: String = "hello\r\n", flags: RecordFlags = []
  ) async throws -> QueueID {
    let id = spool.makeQueueID(now: Clocks.wallNow())
    let header = Array("From: <\(envelope.sender)>\r\nSubject: test\r\n\r\n".utf8)
    let body = Array(body.utf8)
    try await spool.commit(
      PendingRecord(
        id: id, header: header, body: body, envelope: envelope, flags: flags,
        contentSize: UInt64(header.count + body.count)))
    return id
  }
}

/// A delivery agent that answers as it is told.
@ReactorActor
final class TestAgent {
  /// What becomes of a delivery: verdicts, or `nil` to keep it in hand.
  typealias Judge = @ReactorActor (DeliveryRequest) -> [RecipientVerdict]?

  let channel: MessageChannel
  private let raw: PacketChannel
  var judge: Judge
  private(set) var requests: [DeliveryRequest] = []
  private(set) var acknowledged: Set<UInt64> = []
  /// Whether it was told that no more requests come.
  private(set) var isReleased = false
  private(set) var segments: [Nonce: SharedDescriptor] = [:]
  private(set) var contents: [String] = []

  init(
    _ rig: Rig, role: Role = .smtp, index: UInt32 = 0, pid: Int32? = nil, capacity: UInt32 = 100,
    inHand: [DeliveryReference] = [], results: [DeliveryResult] = [], greets: Bool = true,
    judge: @escaping Judge = TestAgent.deliverAll
  ) throws {
    let (channel, raw) = try rig.connectRaw(role, index, pid: pid)
    self.channel = channel
    self.raw = raw
    self.judge = judge
    if greets { channel.post(.agentHello(inHand: inHand, results: results, capacity: capacity)) }
    reactorTask { await self.listen() }
  }

  /// Every recipient gets it.
  static func deliverAll(_ request: DeliveryRequest) -> [RecipientVerdict] {
    verdicts(on: request, .sent, EnhancedStatus(2, 0, 0), "250 2.0.0 Ok")
  }

  /// The same for all recipients.
  static func verdicts(
    on request: DeliveryRequest, _ outcome: RecipientVerdict.Outcome, _ status: EnhancedStatus,
    _ text: String
  ) -> [RecipientVerdict] {
    request.recipients.map {
      RecipientVerdict(
        index: $0.index, outcome: outcome, status: status, text: Array(text.utf8),
        relay: Array("sink.test[192.0.2.1]:25".utf8))
    }
  }

  private func listen() async {
    while let delivery = try? await channel.receive() {
      var descriptors = delivery.descriptors[...]
      for message in delivery.messages {
        switch message {
        case .segment(let nonce): segments[nonce] = descriptors.popFirst()
        case .deliver(let request): take(request)
        case .acknowledge(let ids): acknowledged.formUnion(ids)
        case .forget(let nonce): segments[nonce] = nil
        case .agentReleased: isReleased = true
        default: Issue.record("an agent does not expect \(message)")
        }
      }
    }
  }

  /// Sends what is no message.
  func sendNonsense() throws { try raw.send([200, 1, 2, 3]) }

  /// The message that a request names, with plain ends of lines.
  func text(of request: DeliveryRequest) throws -> String {
    let file = try #require(segments[request.nonce])
    let bytes = try Files.read(file.raw, count: 1 << 17, at: Int64(request.offset))
    let lead = try bytes.withUnsafeBytes {
      try RecordLead($0, nonce: request.nonce, offset: request.offset)
    }
    let text = bytes[Int(lead.headerInRecord.offset)..<Int(lead.bodyInRecord.end)]
    return String(decoding: text, as: UTF8.self).replacing("\r\n", with: "\n")
  }

  private func take(_ request: DeliveryRequest) {
    requests.append(request)
    if let verdicts = judge(request) { answer(request, verdicts) }
  }

  /// Answers a request that was kept in hand.
  func answer(
    _ request: DeliveryRequest, _ verdicts: [RecipientVerdict], connectionFailed: Bool = false
  ) {
    channel.post(
      .result(
        DeliveryResult(
          answering: request, connectionFailed: connectionFailed, verdicts: verdicts)))
  }
}
