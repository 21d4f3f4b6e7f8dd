import Configuration
import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import Streams
import SystemPackage
import TLSPolicy
import TestSupport
import Testing

@testable import SMTPSender
@testable import ServiceKit

/// A message in a segment file of its own.
struct StoredMessage {
  let nonce: Nonce
  let id: QueueID
  let offset: UInt64 = 4096 + 64
  /// What must come over the wire, with the final dot.
  let wire: [UInt8]
  let file: [UInt8]

  /// - Parameter headerFirst: whether the header lies before the body, as in a batch.
  init(number: UInt64, body: String, headerFirst: Bool = true, missing: Int = 0) {
    nonce = Nonce(high: 5, low: number)
    id = QueueID(microseconds: 1_700_000_000_000_000 + number, sequence: 3)
    let header = Array("Subject: \(number)\r\n\r\n".utf8)
    let text = Array(body.utf8)
    wire = header + text + Array(".\r\n".utf8)
    var lead = RecordLead(id: id, flags: [])
    lead.nonce = nonce
    lead.offset = offset
    let start = UInt64(RecordLead.size)
    let bodyStart = headerFirst ? start + UInt64(header.count) : start
    let headerStart = headerFirst ? start : start + UInt64(text.count + 3)
    lead.headerInRecord = Extent(offset: headerStart, length: UInt64(header.count))
    lead.bodyInRecord = Extent(offset: bodyStart, length: UInt64(text.count))
    let end = UInt64(RecordLead.size + wire.count)
    lead.envelopeInRecord = Extent(offset: end, length: 0)
    lead.length = SpoolLayout.roundUp(end, to: SpoolLayout.recordBorder)
    lead.headerChecksum = CRC32C.of(header)
    lead.bodyChecksum = CRC32C.of(text)
    lead.recipientCount = 1
    lead.contentSize = UInt64(header.count + text.count)
    var bytes = [UInt8](repeating: 0, count: Int(offset) + RecordLead.size)
    let at = Int(offset)
    bytes.withUnsafeMutableBytes {
      lead.encode(into: UnsafeMutableRawBufferPointer(rebasing: $0[at...]))
    }
    let dot = Array(".\r\n".utf8)
    bytes += headerFirst ? header + text + dot : text + dot + header
    file = Array(bytes.dropLast(missing))
  }
}

/// A sender with the queue manager's end of its channel.
@ReactorActor
final class SenderFixture {
  let service: SMTPSenderService
  private(set) var queue: MessageChannel
  let folder: TemporaryDirectory
  /// Deliveries that it takes at once.
  private(set) var capacity = 0
  private var nextID: UInt64 = 1
  private var results: [DeliveryResult] = []
  private let context: RoleContext
  private static var services: [SMTPSenderService] = []

  /// - Parameters:
  ///   - descriptors: what the process may have open.
  ///   - keys: what `master` has read of the files that the settings name.
  ///   - index: the number of the process.
  ///   - rank: its place among those of the same configuration.
  init(
    _ settings: String = "", descriptors: Int = 1024, keys: KeyMaterial = KeyMaterial(),
    index: UInt32 = 0, rank: UInt32 = 0
  ) async throws {
    folder = try TemporaryDirectory()
    let configuration = Configuration.evaluate(
      MainFile(Array(("myhostname = mx.example.org\n" + settings).utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    let log = Log(
      try Files.open(folder.path("log"), [.write, .append, .create]), kind: .lines,
      capacity: 1 << 20, hostName: "mx", syslogName: "postfix", facility: 2)
    let (master, _) = try Self.channels()
    let record = StartRecord(
      name: ProcessName(role: .smtp, index: index), user: nil, logKind: .lines,
      configurationSize: 0, processRank: rank)
    context = RoleContext(
      record: record, configuration: configuration, log: log, master: master,
      page: LifePage(try SharedPage.make("test").page), listeners: [],
      transports: [:], keyMaterial: keys.serialized())
    service = SMTPSenderService(context, descriptors: descriptors)
    // As in a process of its own, the service outlives its connections.
    Self.services.append(service)
    let (near, far) = try Self.channels()
    queue = far
    service.attach(near, to: ProcessName(role: .qmgr, index: 0), pid: 1)
    let hello = try await hello()
    #expect(hello.inHand.isEmpty && hello.results.isEmpty && hello.capacity > 0)
    capacity = Int(hello.capacity)
  }

  static func channels() throws -> (MessageChannel, MessageChannel) {
    var pair = try Sockets.packetPair()
    return (
      MessageChannel(try PacketChannel(pair.takeFirst())),
      MessageChannel(try PacketChannel(pair.takeSecond()))
    )
  }

  /// A new queue manager takes the place of the old one.
  func attachAgain() throws {
    let (near, far) = try Self.channels()
    queue = far
    service.attach(near, to: ProcessName(role: .qmgr, index: 0), pid: 2)
  }

  /// What the sender says first.
  func hello() async throws -> (
    inHand: [DeliveryReference], results: [DeliveryResult], capacity: UInt32
  ) {
    let delivery = try await queue.receive(deadline: Clocks.monotonicNow() + .seconds(10))
    guard case .agentHello(let inHand, let results, let capacity)? = delivery?.messages.first
    else { throw WireServer.Surprise(text: "no greeting") }
    return (inHand, results, capacity)
  }

  /// Asks for a delivery to loopback.
  @discardableResult
  func deliver(
    _ message: StoredMessage, to port: UInt16, recipients: Int = 1, sending: Bool = true,
    age: Duration = .zero
  ) throws -> DeliveryRequest {
    let request = request(
      message, nextHop: "[127.0.0.1]:\(port)", recipients: recipients, age: age)
    try post(request, message, sending: sending)
    return request
  }

  /// A request that has not been made yet.
  ///
  /// - Parameter age: how long the message has waited.
  func request(
    _ message: StoredMessage, nextHop: String, recipients: Int = 1, age: Duration = .zero
  ) -> DeliveryRequest {
    let now = Clocks.wallNow()
    let request = DeliveryRequest(
      id: nextID, queueID: message.id, nonce: message.nonce, offset: message.offset,
      transport: "smtp", nextHop: nextHop, sender: MailAddress("a@example.org"),
      recipients: (0..<recipients).map {
        DeliveryRecipient(index: UInt32(10 + $0), address: MailAddress("r\($0)@example.net"))
      },
      arrival: WallTime(microseconds: now.microseconds - age.components.seconds * 1_000_000),
      activated: now, dispatched: now)
    nextID += 1
    return request
  }

  /// Makes a request, with the message's segment if it is `sending` it.
  func post(_ request: DeliveryRequest, _ message: StoredMessage, sending: Bool = true) throws {
    if sending {
      let file = try Files.sealedMemory("segment", content: message.file)
      queue.post(.segment(message.nonce), descriptors: [file.raw])
      queue.flush()
      file.close()
    }
    queue.post(.deliver(request))
  }

  /// The next result.
  func result() async throws -> DeliveryResult {
    while results.isEmpty {
      let delivery = try await queue.receive(deadline: Clocks.monotonicNow() + .seconds(10))
      guard let delivery else { throw WireServer.Surprise(text: "no result") }
      for case .result(let result) in delivery.messages { results.append(result) }
    }
    return results.removeFirst()
  }

  func log() throws -> String {
    context.log.flush()
    return String(decoding: try folder.read("log"), as: UTF8.self)
  }
}
