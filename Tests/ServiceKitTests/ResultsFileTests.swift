import LinuxSystem
import MailTypes
import Primitives
import Reactor
import SystemPackage
import TestSupport
import Testing

@testable import ServiceKit

private func result(_ id: UInt64, textSize: Int = 20) -> DeliveryResult {
  let time = WallTime(microseconds: 1)
  return DeliveryResult(
    answering: DeliveryRequest(
      id: id, queueID: QueueID(microseconds: 1_700_000_000_000_000 + id, sequence: 1),
      nonce: Nonce(high: 1, low: 2), offset: 4096, transport: "smtp", nextHop: "[127.0.0.1]:25",
      sender: MailAddress("a@example.org"),
      recipients: [DeliveryRecipient(index: 0, address: MailAddress("b@example.net"))],
      arrival: time, activated: time, dispatched: time),
    connectionFailed: false,
    verdicts: [
      RecipientVerdict(
        index: 0, outcome: id % 2 == 0 ? .bounced : .sent,
        handover: id % 4 == 1 ? .relayedWithWishes : .delivered, status: EnhancedStatus(2, 0, 0),
        text: [UInt8](repeating: 65, count: textSize), relay: Array("[127.0.0.1]:25".utf8))
    ])
}

private func file(_ results: [DeliveryResult]) -> [UInt8] {
  var bytes = ResultsFileFormat.header
  for result in results { ResultsFileFormat.append(result, to: &bytes) }
  return bytes
}

@Suite struct ResultsFileFormatTests {
  @Test func whatIsWrittenIsReadAndWhatWasConfirmedIsNot() throws {
    var bytes = file([result(1), result(2), result(3)])
    ResultsFileFormat.append(acknowledged: [2, 77], to: &bytes)
    ResultsFileFormat.append(result(4), to: &bytes)
    #expect(try ResultsFileFormat.read(bytes) == [result(1), result(3), result(4)])
    #expect(try ResultsFileFormat.read([]) == [])
    #expect(try ResultsFileFormat.read(ResultsFileFormat.header) == [])
  }

  @Test func aTornEndCostsNothingBeforeIt() throws {
    let whole = file([result(1), result(2)])
    let start = file([result(1)]).count
    for length in start..<whole.count {
      #expect(try ResultsFileFormat.read(Array(whole[..<length])) == [result(1)])
    }
    for place in start..<whole.count {
      var bytes = whole
      bytes[place] ^= 0x40
      #expect(try ResultsFileFormat.read(bytes) == [result(1)])
    }
  }

  @Test func aFileOfTheFormatBeforeIsRead() throws {
    var bytes = file([result(2), result(3)])
    bytes[7] = 1
    #expect(try ResultsFileFormat.read(bytes) == [result(2), result(3)])
  }

  @Test func filesOfOthersAreNotRead() {
    var bytes = file([result(1)])
    bytes[7] += 1
    #expect(throws: ResultsFileFormat.Failure.version(3)) { try ResultsFileFormat.read(bytes) }
    bytes[0] = 0
    #expect(throws: ResultsFileFormat.Failure.foreign) { try ResultsFileFormat.read(bytes) }
  }

  @Test func theNameSaysWhoseItIs() {
    let name = ResultsFileName(
      process: ProcessName(role: .smtp, index: 3), pid: 4711,
      made: WallTime(microseconds: 1_700_000_000_000_000))
    #expect(name.text == "smtp-3-4711-1700000000000000")
    #expect(ResultsFileName(name.text) == name)
    for other in ["", "smtp-3-4711", "smtpd-3-4711-1", "smtp-3-4711-1-", "smtp-x-4711-1"] {
      #expect(ResultsFileName(other) == nil)
    }
  }
}

@Suite(.timeLimit(.minutes(1))) struct ResultsFileTests {
  init() { Reactor.startThread() }

  @ReactorActor private final class Scene {
    static var soon: MonotonicTime { Clocks.monotonicNow() + .seconds(20) }
    let folder: TemporaryDirectory
    let path: String
    let results: ResultsFile
    private let log: Log

    init(path: String? = nil, sizeMax: Int64 = ResultsFile.sizeMax) throws {
      folder = try TemporaryDirectory()
      self.path = path ?? folder.path("file")
      log = Log(
        try Files.open(folder.path("log"), [.write, .create, .append]), kind: .lines,
        capacity: 1 << 16, hostName: "mx", syslogName: "postfix", facility: 2)
      let file = try Files.open(self.path, path == nil ? [.read, .write, .create] : [.write])
      results = ResultsFile(
        SharedDescriptor(file), log: log, tag: "smtp", sizeMax: sizeMax)
    }

    /// What a queue manager would find.
    func left() async throws -> [UInt64] {
      await results.settle(deadline: Self.soon)
      return try ResultsFileFormat.read(try Files.readWhole(path, limit: 1 << 20)).map(\.id)
    }

    func logged() throws -> String {
      log.flush()
      return String(decoding: try folder.read("log"), as: UTF8.self)
    }
  }

  @Test @ReactorActor func resultsAreKeptUntilTheyAreConfirmed() async throws {
    let scene = try Scene()
    scene.results.keep([result(1), result(2)])
    scene.results.keep([result(2), result(3)])
    #expect(try await scene.left() == [1, 2, 3])
    scene.results.acknowledged([2, 99])
    #expect(try await scene.left() == [1, 3])
    scene.results.acknowledged([1, 3])
    #expect(try await scene.left() == [])
    #expect(try Files.status(scene.path).size == 0)
    scene.results.keep([result(4)])
    #expect(try await scene.left() == [4])
  }

  @Test @ReactorActor func theFileIsBounded() async throws {
    let scene = try Scene(sizeMax: 4000)
    for id: UInt64 in 1...100 {
      scene.results.keep([result(id)])
      if id > 10 { scene.results.acknowledged([id - 10]) }
      _ = try await scene.left()
      #expect(try Files.status(scene.path).size <= 4000)
    }
    #expect(try await scene.left().sorted() == Array(91...100))
    // More than there is room for leaves what stands there, and says so once.
    scene.results.keep((200...260).map { result($0) })
    #expect(try await scene.left().sorted() == Array(91...100))
    #expect(try scene.logged().contains("cannot write the file for results"))
    scene.results.acknowledged(Array(200...260))
    scene.results.keep([result(300)])
    #expect(try await scene.left().sorted() == Array(91...100) + [300])
  }

  @Test @ReactorActor func aFileThatCannotBeWrittenIsReportedOnce() async throws {
    let scene = try Scene(path: "/dev/full")
    scene.results.keep([result(1)])
    await scene.results.settle(deadline: Scene.soon)
    scene.results.keep([result(2)])
    await scene.results.settle(deadline: Scene.soon)
    let lines = try scene.logged().split(separator: "\n")
    #expect(lines.count { $0.contains("cannot write the file for results") } == 1)
  }
}
