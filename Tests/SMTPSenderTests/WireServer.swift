import LinuxSystem
import Primitives
import Reactor
import Streams
import SystemPackage

/// A server on loopback whose every word the test says itself.
@ReactorActor
final class WireServer {
  struct Surprise: Error { let text: String }

  let port: UInt16
  private let listener: Watched
  private(set) var sessions = 0
  private var portKeepers: [ByteStream] = []

  init() throws {
    let socket = try Sockets.listenTCP(IPAddress(v4: 0x7f00_0001), port: 0, backlog: 100)
    port = try Sockets.localAddress(socket.raw).port ?? 0
    listener = try Watched(socket, as: .sharedListener)
  }

  /// The next connection.
  func accept() async throws -> WireSession {
    while true {
      if let accepted = try Sockets.accept(listener.raw) {
        sessions += 1
        return WireSession(try ByteStream(accepted.take()))
      }
      try await listener.readable(deadline: Clocks.monotonicNow() + .seconds(10))
    }
  }

  /// The next connection, greeted.
  func greeted() async throws -> WireSession {
    let session = try await accept()
    try await session.say("220 sink.test ESMTP")
    try await session.expect("EHLO ")
    try await session.say("250-sink.test", "250-PIPELINING", "250-8BITMIME", "250 SIZE 0")
    return session
  }

  /// Listens no more. A connection keeps the port from others: one that got it would be spoken to
  /// by clients of this server.
  func stop() async throws {
    let near = try await ByteStream.connect(
      to: IPAddress(v4: 0x7f00_0001), port: port, from: nil,
      deadline: Clocks.monotonicNow() + .seconds(10))
    portKeepers = [near, try await accept().stream]
    sessions -= 1
    listener.close()
  }
}

/// The server's side of a connection.
@ReactorActor
final class WireSession {
  let stream: ByteStream
  private var received: [UInt8] = []

  init(_ stream: ByteStream) { self.stream = stream }

  func say(_ lines: String...) async throws {
    for line in lines { try await stream.write(Array((line + "\r\n").utf8)) }
  }

  /// The next line, which must begin so.
  @discardableResult
  func expect(_ start: String) async throws -> String {
    while true {
      if let end = received.firstIndex(of: 10) {
        let line = String(decoding: received[..<max(end - 1, 0)], as: UTF8.self)
        received.removeSubrange(...end)
        guard line.hasPrefix(start) else { throw WireServer.Surprise(text: line) }
        return line
      }
      guard try await fill() else { throw WireServer.Surprise(text: "the end") }
    }
  }

  /// Takes a transaction up to the content.
  func takeEnvelope(recipients: Int = 1, replies: [String] = []) async throws {
    try await expect("MAIL FROM:")
    for _ in 0..<recipients { try await expect("RCPT TO:") }
    try await expect("DATA")
    let texts = replies.isEmpty ? Array(repeating: "250 2.1.5 Ok", count: recipients) : replies
    try await say("250 2.1.0 Ok")
    for text in texts { try await say(text) }
    try await say("354 go on")
  }

  /// The bytes up to and with the line of the final dot.
  func content() async throws -> [UInt8] {
    let mark = Array("\r\n.\r\n".utf8)
    while !received.suffix(5).elementsEqual(mark) {
      guard try await fill() else { throw WireServer.Surprise(text: "the end before the dot") }
    }
    defer { received = [] }
    return received
  }

  /// Everything that comes until the client leaves.
  func rest() async throws -> [UInt8] {
    while try await fill() {}
    defer { received = [] }
    return received
  }

  /// Reads once; false at the end.
  func fill() async throws -> Bool {
    let deadline = Clocks.monotonicNow() + .seconds(10)
    let more: Void? = try await stream.read(deadline: deadline) { received += $0 }
    return more != nil
  }

  var count: Int { received.count }
  func close() { stream.close() }
}
