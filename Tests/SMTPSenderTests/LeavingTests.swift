import Configuration
import LinuxSystem
import LookupTables
import MailTypes
import Primitives
import QueueFormat
import Reactor
import ServiceKit
import Streams
import SystemPackage
import TLSPolicy
import TestSupport
import Testing

@testable import SMTPSender

/// A process that leaves: what is out is waited for, all else is given back (spool rule R20).
@Suite(.timeLimit(.minutes(1))) struct LeavingTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func aMessageWhoseDotIsOutWaitsForItsReply() async throws {
    let scene = try Scene()
    let connection = try await scene.connect(contentSize: 2000)
    let server = try await scene.takeContent(smaller: true)
    connection.leave()
    try await server.write("250 kept\r\n")
    let end = try await scene.owner.ends.next(deadline: Scene.soon)
    #expect(end.verdicts.map(\.outcome) == [.sent])
    try await scene.owner.gone.wait(deadline: Scene.soon)
  }

  @Test @ReactorActor func aMessageUnderWayIsClosedWithoutItsDotWhenRoomComesAtThatMoment()
    async throws
  {
    let scene = try Scene()
    let connection = try await scene.connect(contentSize: 300_000)
    let server = try await scene.takeContent(smaller: false)
    // In one turn: room to send the rest, and the order to leave, which comes too late to be a
    // cancellation of the wait for that room.
    var received = scene.drain(server)
    let alarm = Alarm { connection.leave() }
    alarm.schedule(at: Clocks.monotonicNow())
    let end = try await scene.owner.ends.next(deadline: Scene.soon)
    #expect(end.verdicts.isEmpty)
    do throws(StreamError) {
      while try await server.read({ received += $0.count }) != nil {}
    } catch {
      // Bytes that were on the way make the end of the connection a reset.
      #expect(error == .system(.connectionReset))
    }
    #expect(received < 300_000)
    withExtendedLifetime(alarm) {}
  }

  @Test @ReactorActor func anIdleConnectionDoesNotWaitForAGoodbye() async throws {
    let scene = try Scene()
    let connection = try await scene.connect(contentSize: 100)
    let server = try await scene.takeContent(smaller: true)
    try await server.write("250 kept\r\n")
    _ = try await scene.owner.ends.next(deadline: Scene.soon)
    try await scene.owner.idle.wait(deadline: Scene.soon)
    connection.leave()
    try await scene.owner.gone.wait(deadline: Scene.soon)
    withExtendedLifetime(server) {}
  }

  @Test @ReactorActor func aJobGivenToAConnectionThatThenLeavesIsGivenBack() async throws {
    let scene = try Scene()
    let connection = try await scene.connect(contentSize: 100)
    let server = try await scene.takeContent(smaller: true)
    try await server.write("250 kept\r\n")
    _ = try await scene.owner.ends.next(deadline: Scene.soon)
    try await scene.owner.idle.wait(deadline: Scene.soon)
    connection.assign(try await scene.job(contentSize: 100))
    connection.leave()
    let end = try await scene.owner.ends.next(deadline: Scene.soon)
    #expect(end.verdicts.isEmpty)
    #expect(scene.owner.retries == 0)
    withExtendedLifetime(server) {}
  }
}

/// A connection, its owner, and the server that it talks to.
@ReactorActor
private final class Scene {
  static var soon: MonotonicTime { Clocks.monotonicNow() + .seconds(20) }

  let owner = Owner()
  private let reader = ContentReader()
  private let folder: TemporaryDirectory
  private let listener: Watched
  private let log: Log
  private let configuration = Configuration.evaluate(
    MainFile(Array("myhostname = mx.test\n".utf8), file: "main.cf"),
    host: HostFacts(hostname: "mx", interfaces: [])
  ).configuration
  private let security: TransportSecurity

  init() throws {
    folder = try TemporaryDirectory()
    listener = try Watched(
      Sockets.listenUnix(folder.path("server"), mode: 0o600, backlog: 5), as: .sharedListener)
    log = Log(
      try Files.open(folder.path("log"), [.write, .create, .append]), kind: .lines,
      capacity: 1 << 16, hostName: "mx", syslogName: "postfix", facility: 2)
    let tls = try ClientTLS(
      configuration, material: KeyMaterial(), opener: TableOpener { _ in nil })
    security = TransportSecurity(tls, logins: nil, log: log, tag: Array("smtp".utf8))
  }

  func connect(contentSize: Int) async throws -> OutboundConnection {
    let hop = try #require(NextHop.list("unix:" + folder.path("server"))?.first)
    let job = try await job(contentSize: contentSize)
    let connection = OutboundConnection(
      destination: DestinationKey(job.request, security.plaintext, login: nil), hop: hop,
      settings: SenderSettings(configuration, transport: "smtp"), agreement: security.plaintext,
      log: log, reader: reader, names: HostAddresses(depthMax: 10, timeout: .seconds(30)),
      owner: owner)
    connection.open(for: job)
    return connection
  }

  /// A job whose record is a header and nothing else.
  func job(contentSize: Int) async throws -> DeliveryJob {
    let nonce = Nonce(high: 1, low: 2)
    var lead = RecordLead(id: QueueID(microseconds: 1_700_000_000_000_000, sequence: 1), flags: [])
    lead.nonce = nonce
    lead.headerInRecord = Extent(offset: 128, length: UInt64(contentSize))
    lead.bodyInRecord = Extent(offset: lead.headerInRecord.end, length: 0)
    lead.envelopeInRecord = Extent(offset: lead.bodyInRecord.end + 3, length: 0)
    lead.length = SpoolLayout.roundUp(lead.envelopeInRecord.end, to: SpoolLayout.recordBorder)
    var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: Int(lead.length))
    bytes.withUnsafeMutableBytes { lead.encode(into: $0) }
    bytes.replaceSubrange(
      Int(lead.bodyInRecord.offset) - 2..<Int(lead.envelopeInRecord.offset),
      with: Array("\r\n.\r\n".utf8))
    let time = WallTime(microseconds: 1_700_000_000_000_000)
    let request = DeliveryRequest(
      id: 1, queueID: lead.id, nonce: nonce, offset: 0, transport: "smtp",
      nextHop: "unix:" + folder.path("server"), sender: MailAddress("a@example.org"),
      recipients: [DeliveryRecipient(index: 0, address: MailAddress("b@example.net"))],
      arrival: time, activated: time, dispatched: time)
    let file = try Files.sealedMemory("segment", content: bytes)
    let job = DeliveryJob(request, segment: SharedDescriptor(file))
    let finding = await job.load(by: reader)
    try #require(finding == .loaded)
    return job
  }

  /// Speaks as a server up to the content, and through it when it is `smaller` than a socket's
  /// buffer.
  func takeContent(smaller: Bool) async throws -> ByteStream {
    try await listener.readable(deadline: Self.soon)
    guard let accepted = try Sockets.accept(listener.raw) else { throw StreamError.closed }
    let stream = try ByteStream(accepted.take())
    try await stream.write("220 sink.test ESMTP\r\n")
    try await expect("EHLO", stream)
    try await stream.write("250 sink.test\r\n")
    for command in ["MAIL", "RCPT"] {
      try await expect(command, stream)
      try await stream.write("250 fine\r\n")
    }
    try await expect("DATA", stream)
    try await stream.write("354 go on\r\n")
    if smaller { try await expect("\r\n.\r\n", stream) }
    while !smaller, owner.stalls < 3 {
      await Reactor.shared.yieldTurn()
      owner.stalls += 1
    }
    return stream
  }

  private func expect(_ text: String, _ stream: ByteStream) async throws {
    var seen: [UInt8] = []
    while !String(decoding: seen, as: UTF8.self).contains(text) {
      let more: Void? = try await stream.read(deadline: Self.soon) { seen.append(contentsOf: $0) }
      if more == nil { throw StreamError.closed }
    }
  }

  /// Takes at once all that has arrived; returns how many bytes.
  func drain(_ stream: ByteStream) -> Int {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    var total = 0
    while case .count(let count) = Sockets.receive(stream.raw, into: buffer) { total += count }
    return total
  }

  @ReactorActor
  final class Owner: OutboundConnectionOwner {
    struct End {
      let verdicts: [RecipientVerdict]
    }

    let ends = Mailbox<End>(capacity: 10)
    let idle = Gate()
    let gone = Gate()
    var retries = 0
    var stalls = 0

    func finished(_ job: DeliveryJob, connectionFailed: Bool, verdicts: [RecipientVerdict]) {
      _ = ends.push(End(verdicts: verdicts))
    }
    func retry(
      _ job: DeliveryJob, to destination: DestinationKey, under: TransportSecurity.Agreement
    ) { retries += 1 }
    func becameIdle(_ connection: OutboundConnection) { idle.open() }
    func noLongerIdle(_ connection: OutboundConnection) { idle.shut() }
    func ended(_ connection: OutboundConnection) { gone.open() }
  }
}
