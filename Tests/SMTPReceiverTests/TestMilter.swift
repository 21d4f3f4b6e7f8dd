import Configuration
import LinuxSystem
import LookupTables
import MailSite
import MilterCore
import Primitives
import Reactor
import ServiceKit
import Streams
import SystemPackage
import Testing

@testable import SMTPReceiver

/// A milter on a port of its own that says what it is told to.
@ReactorActor
final class TestMilter {
  /// What it does at a stage.
  enum Answer {
    /// Sends a packet: its code, then its data.
    case say(String)
    /// Sends these bytes, whatever they are.
    case send([UInt8])
    /// Sends a packet over and over, as long as anybody listens.
    case sayForever(String)
    /// Says nothing: it still thinks.
    case wait
    /// Closes the connection.
    case close
  }

  let port: UInt16
  /// What it was told, in order: the code, then the data with `|` for each NUL.
  private(set) var events: [String] = []
  /// Bytes of bodies that it was shown.
  private(set) var body: [UInt8] = []
  private let acceptor: Acceptor
  private let steps: UInt32
  private let answers: [Character: [Answer]]
  private let change = Gate()

  /// - Parameters:
  ///   - answers: by the code of what it is told; else it says to go on.
  ///   - steps: what it does not want, or does not answer.
  init(_ answers: [Character: [Answer]] = [:], steps: UInt32 = 0) throws {
    self.steps = steps
    self.answers = answers
    let socket = try Sockets.listenTCP(IPAddress("127.0.0.1")!, port: 0, backlog: 10)
    port = try #require(try Sockets.localAddress(socket.raw).port)
    let log = Log(
      try Files.open("/dev/null", [.write]), kind: .lines, capacity: 1 << 10, hostName: "mx",
      syslogName: "milter", facility: 2)
    var begin: (@ReactorActor (ByteStream) -> Void)?
    acceptor = try Acceptor(socket, room: SessionRoom(limit: 100), log: log) { socket, _ in
      if let stream = try? ByteStream(socket) { begin?(stream) }
    }
    begin = { [weak self] stream in
      reactorTask { await self?.serve(stream) }
    }
    let acceptor = acceptor
    reactorTask { await acceptor.run() }
  }

  /// Listens no more.
  func stop() { acceptor.close() }

  /// Waits until it has been told what begins so.
  func wait(for start: String) async throws {
    try await change.wait(deadline: Reactor.shared.now + .seconds(30)) {
      !events.contains { $0.hasPrefix(start) }
    }
  }

  /// What it was told but for macros and the options.
  var told: [String] { events.filter { !$0.hasPrefix("D") && !$0.hasPrefix("O") } }

  private func serve(_ stream: ByteStream) async {
    var reader = MilterPacketReader()
    defer { stream.close() }
    while true {
      guard (try? await stream.read({ reader.take($0) })) ?? nil != nil else { return }
      while let packet = try? reader.next() {
        guard await answer(packet, stream) else { return }
      }
    }
  }

  private func answer(_ packet: MilterPacket, _ stream: ByteStream) async -> Bool {
    let code = Character(Unicode.Scalar(packet.code))
    if code == "B" { body += packet.data }
    let data = packet.data.map { $0 == 0 ? UInt8(ascii: "|") : $0 }
    events.append("\(code)\(String(decoding: data.prefix(200), as: UTF8.self))")
    change.pulse()
    let silence: [Character: UInt32] = ["L": 0x80, "B": 0x8_0000]
    var all: [Answer]
    switch code {
    case "D", "A", "Q": all = []
    case "O": all = [.send(Self.options(packet.data, steps: steps))]
    default: all = steps & (silence[code] ?? 0) != 0 ? [] : answers[code] ?? [.say("c")]
    }
    for answer in all {
      switch answer {
      case .say(let text): await send(Self.packet(Array(text.utf8)), stream)
      case .send(let bytes): await send(bytes, stream)
      case .sayForever(let text):
        let packet = Self.packet(Array(text.utf8))
        while (try? await stream.write(packet, deadline: Reactor.shared.now + .seconds(30))) != nil
        {}
      case .wait: break
      case .close: return false
      }
    }
    return true
  }

  private func send(_ bytes: [UInt8], _ stream: ByteStream) async {
    // The other side may have had enough.
    try? await stream.write(bytes, deadline: Reactor.shared.now + .seconds(30))
  }

  /// A packet: its code, then its data.
  static func packet(_ bytes: [UInt8]) -> [UInt8] {
    let count = UInt32(bytes.count)
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> UInt32($0)) } + bytes
  }

  private static func options(_ offer: [UInt8], steps: UInt32) -> [UInt8] {
    let chosen = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: steps >> UInt32($0)) }
    return packet([UInt8(ascii: "O")] + offer.prefix(8) + chosen)
  }
}

/// What a configuration says of milters.
func siteMilters(_ text: String) throws -> SiteMilters? {
  let main = MainFile(
    Array("myhostname = mx.example.org\nlocal_recipient_maps =\n\(text)\n".utf8), file: "main.cf")
  let evaluation = Configuration.evaluate(
    main, host: HostFacts(hostname: "mx.example.org", interfaces: []))
  try #require(!evaluation.hasErrors, "\(evaluation.diagnostics)")
  let tables = TableOpener { _ in nil }
  return try MailSite(evaluation.configuration, ownAddresses: [], tables: tables).milters
}
