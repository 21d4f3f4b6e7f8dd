import LinuxSystem
import MailTypes
import Primitives
import Reactor
import ServiceKit
import TestSupport
import Testing

@testable import SMTPSender

/// Segments that are not in memory are read by a thread of their own (spool rule R26).
@Suite(.timeLimit(.minutes(1))) struct ColdContentTests {
  init() { Reactor.startThread() }

  /// A file whose content is on the disk alone.
  private func coldFile(_ content: [UInt8], in folder: TemporaryDirectory) throws
    -> SharedDescriptor
  {
    let file = try Files.open(folder.path("segment"), [.read, .write, .create])
    try Files.writeAll(file.raw, content, at: 0)
    try Files.syncData(file.raw)
    try Files.dropCache(file.raw)
    return SharedDescriptor(file)
  }

  @Test @ReactorActor func aPartIsInMemoryOnceItHasBeenFetched() async throws {
    let folder = try TemporaryDirectory()
    let file = try coldFile([UInt8](repeating: 7, count: 1_000_001), in: folder)
    let reader = ContentReader()
    #expect(!reader.hasCached(file, offset: 0, count: 1_000_001))
    await reader.fetch(file, offset: 4000, count: 500_000)
    #expect(reader.hasCached(file, offset: 4000, count: 500_000))
    #expect(reader.fetches == 1)
    await reader.fetch(file, offset: 5000, count: 400_000)
    #expect(reader.fetches == 1)
    // What lies behind the end is in no memory; sending it says why.
    await reader.fetch(file, offset: 999_000, count: 100_000)
    #expect(reader.fetches == 2)
  }

  @Test @ReactorActor func aColdRecordIsNotReadByTheReactor() async throws {
    let folder = try TemporaryDirectory()
    let message = StoredMessage(number: 1, body: "x\r\n")
    let file = try coldFile(message.file, in: folder)
    let time = Clocks.wallNow()
    let job = DeliveryJob(
      DeliveryRequest(
        id: 1, queueID: message.id, nonce: message.nonce, offset: message.offset,
        transport: "smtp", nextHop: "[127.0.0.1]:25", sender: MailAddress("a@example.org"),
        recipients: [], arrival: time, activated: time, dispatched: time), segment: file)
    #expect(job.loadCached() == .onDisk)
    let reader = ContentReader()
    let finding = await job.load(by: reader)
    #expect(finding == .loaded)
    #expect(reader.fetches == 1)
    #expect(job.loadCached() == .loaded)
  }

  @Test @ReactorActor func aColdMessageArrivesByteForByte() async throws {
    let folder = try TemporaryDirectory()
    let fixture = try await SenderFixture()
    let server = try WireServer()
    let body = (0..<60_000).map { "line \($0)\r\n" }.joined()
    let message = StoredMessage(number: 1, body: body)
    let file = try coldFile(message.file, in: folder)
    fixture.queue.post(.segment(message.nonce), descriptors: [file.raw])
    fixture.queue.flush()
    try fixture.deliver(message, to: server.port, sending: false)
    let session = try await server.greeted()
    try await session.takeEnvelope()
    #expect(try await session.content() == message.wire)
    try await session.say("250 2.0.0 Ok")
    #expect(try await fixture.result().verdicts.map(\.outcome) == [.sent])
  }
}
