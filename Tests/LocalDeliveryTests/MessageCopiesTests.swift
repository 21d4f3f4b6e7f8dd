import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import ServiceKit
import SystemPackage
import Testing

@testable import LocalDelivery

@Suite(.timeLimit(.minutes(1))) struct MessageCopiesTests {
  init() { Reactor.startThread() }

  private static func lead(_ bodyLength: UInt64 = 1000) -> RecordLead {
    var lead = RecordLead(id: QueueID(microseconds: 1, sequence: 1), flags: [])
    lead.headerInRecord = Extent(offset: 128, length: 20)
    lead.bodyInRecord = Extent(offset: 148, length: bodyLength)
    return lead
  }

  private static func source(
    _ lead: RecordLead, in file: SharedDescriptor, offset: UInt64 = 0
  ) -> RecordSource {
    let time = WallTime(microseconds: 1)
    return RecordSource(
      request: DeliveryRequest(
        id: 1, queueID: lead.id, nonce: lead.nonce, offset: offset, transport: "local",
        nextHop: "mx.test", sender: MailAddress("a@example.org"), recipients: [], arrival: time,
        activated: time, dispatched: time), segment: file)
  }

  private static func segment(size: Int) throws -> SharedDescriptor {
    SharedDescriptor(
      try Files.sealedMemory("segment", content: (0..<size).map { UInt8(truncatingIfNeeded: $0) }))
  }

  @Test func aRecordWhoseFileEndsTooSoonIsNotCopied() throws {
    for (size, isWhole) in [(1148, true), (1147, false), (140, false)] {
      let source = Self.source(Self.lead(), in: try Self.segment(size: size))
      do throws(NoDelivery) {
        _ = try source.copy(Self.lead())
        #expect(isWhole)
      } catch {
        #expect(!isWhole)
        #expect(error.verdict.outcome == .deferred)
      }
    }
  }

  @Test func aCopyHasTheBytesOfAllPiecesAndStaysAsItIs() throws {
    let lead = Self.lead(300_000)
    let file = try Self.segment(size: 300_148)
    let copy = try Self.source(lead, in: file).copy(lead)
    #expect(
      try Files.read(copy.raw, count: 1 << 20, at: 0)
        == (try Files.read(file.raw, count: 300_020, at: 128)))
    #expect(throws: Errno.notPermitted) { try Files.writeAll(copy.raw, [1], at: 0) }
  }

  /// Deliveries that hold their copies until they are told to end.
  @ReactorActor
  private final class Deliveries {
    let copies: MessageCopies
    let segment: SharedDescriptor
    private(set) var files: [String: Int32] = [:]
    private(set) var ended: [String: Bool] = [:]
    private var dismissed: Set<String> = []
    private let changed = Gate()

    init(sizeMax: Int64) throws {
      segment = try MessageCopiesTests.segment(size: 4096)
      copies = MessageCopies(sizeMax: sizeMax, helper: try HelperThread(name: "copies"))
    }

    /// Begins the delivery `name` of the record at `offset`, which has 1020 bytes.
    func begin(_ name: String, of offset: UInt64, patience: Duration = .seconds(30)) {
      reactorTask { await self.run(name, offset, patience) }
    }

    private func run(_ name: String, _ offset: UInt64, _ patience: Duration) async {
      let lead = MessageCopiesTests.lead()
      do throws(NoDelivery) {
        _ = try await copies.use(
          MessageCopiesTests.source(lead, in: segment, offset: offset), lead,
          deadline: Reactor.shared.now + patience
        ) { file in
          files[name] = file.raw
          changed.pulse()
          try? await changed.wait { !dismissed.contains(name) }
          return .deliveredToMailbox
        }
        ended[name] = true
      } catch {
        #expect(error.verdict.outcome == .deferred)
        #expect(error.isUntried == (patience > .seconds(1)))
        ended[name] = false
      }
      changed.pulse()
    }

    func end(_ names: String...) async throws {
      dismissed.formUnion(names)
      changed.pulse()
      try await until { names.allSatisfy { self.ended[$0] == true } }
    }

    func until(_ condition: @ReactorActor () -> Bool) async throws {
      try await changed.wait(deadline: Reactor.shared.now + .seconds(30)) { !condition() }
    }
  }

  @Test @ReactorActor func deliveriesOfOneRecordShareACopy() async throws {
    let deliveries = try Deliveries(sizeMax: 1500)
    for name in ["a", "b", "c"] { deliveries.begin(name, of: 0) }
    try await deliveries.until { deliveries.files.count == 3 }
    #expect(Set(deliveries.files.values).count == 1)
    #expect(deliveries.copies.size == 1020)
    try await deliveries.end("a", "b")
    #expect(deliveries.copies.size == 1020)
    try await deliveries.end("c")
    #expect(deliveries.copies.size == 0)
  }

  @Test @ReactorActor func aDeliveryWaitsForMemoryInItsTurn() async throws {
    let deliveries = try Deliveries(sizeMax: 2100)
    for (name, offset) in [("a", 0), ("b", 1), ("c", 2), ("d", 3)] {
      deliveries.begin(name, of: UInt64(offset))
    }
    deliveries.begin("a2", of: 0)
    try await deliveries.until { deliveries.files.count == 3 }
    #expect(Set(deliveries.files.keys) == ["a", "b", "a2"])
    #expect(deliveries.copies.waiting == 2)
    try await deliveries.end("a")
    #expect(deliveries.files["c"] == nil)
    try await deliveries.end("a2")
    try await deliveries.until { deliveries.files["c"] != nil }
    #expect(deliveries.files["d"] == nil && deliveries.copies.size == 2040)
    try await deliveries.end("b")
    try await deliveries.until { deliveries.files["d"] != nil }
    try await deliveries.end("c", "d")
    #expect(deliveries.copies.size == 0)
  }

  @Test @ReactorActor func oneMessageGoesOnHoweverLargeItIs() async throws {
    let deliveries = try Deliveries(sizeMax: 10)
    deliveries.begin("a", of: 0)
    try await deliveries.until { deliveries.files["a"] != nil }
    deliveries.begin("b", of: 1)
    deliveries.begin("late", of: 2, patience: .milliseconds(10))
    try await deliveries.until { deliveries.ended["late"] == false }
    #expect(deliveries.copies.waiting == 1)
    deliveries.copies.close()
    try await deliveries.until { deliveries.ended["b"] == false }
    try await deliveries.end("a")
  }
}
