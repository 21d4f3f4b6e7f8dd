import LinuxSystem
import Primitives
import Reactor
import SASL
import Streams
import TestSupport

/// An authentication server on a socket of its own, which knows alice with the password `secret`.
@ReactorActor
final class FakeDovecot {
  let path: String
  private let directory: TemporaryDirectory
  private var listener: Watched?
  private var streams: [ByteStream] = []
  /// The lines that clients sent, connection by connection.
  private(set) var lines: [String] = []
  /// Pulsed at each line and each connection.
  let progress = Gate()
  private(set) var connections = 0
  /// Requests that are not answered.
  var isSilent = false
  private static let mechanisms = [
    "PLAIN\tplaintext", "LOGIN\tplaintext", "CRAM-MD5\tdictionary\tactive",
  ]
  /// What is sent in place of a greeting.
  var greeting: String?

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.path("auth")
  }

  func start() throws {
    let socket = try Sockets.listenUnix(path, mode: 0o600, backlog: 16)
    let listener = try Watched(socket, as: .sharedListener)
    self.listener = listener
    reactorTask {
      while (try? await listener.readable()) != nil {
        guard let accepted = try? Sockets.accept(listener.raw) else { continue }
        guard let stream = try? ByteStream(accepted.take()) else { continue }
        self.streams.append(stream)
        self.connections += 1
        self.progress.pulse()
        reactorTask { await self.serve(stream) }
      }
    }
  }

  /// Ends all connections, and with `forGood` takes no more.
  func stop(forGood: Bool) {
    if forGood { listener?.close() }
    for stream in streams { stream.close() }
    streams = []
  }

  func waitForLines(_ count: Int) async throws {
    try await progress.wait(deadline: Reactor.shared.now + .seconds(20)) {
      self.lines.count < count
    }
  }

  private func serve(_ stream: ByteStream) async {
    var text = "VERSION\t1\t2\n"
    for mechanism in Self.mechanisms { text += "MECH\t\(mechanism)\n" }
    text += "SPID\t1\nCUID\t1\nCOOKIE\tx\nDONE\n"
    try? await stream.write(Array((greeting ?? text).utf8))
    var received: [UInt8] = []
    while true {
      do throws(StreamError) {
        let more: Void? = try await stream.read { received += $0 }
        if more == nil { return stream.close() }
      } catch {
        return
      }
      while let end = received.firstIndex(of: ASCII.lf) {
        let line = String(decoding: received[..<end], as: UTF8.self)
        received.removeSubrange(...end)
        lines.append(line)
        progress.pulse()
        guard let answer = answer(line) else { continue }
        try? await stream.write(Array("\(answer)\n".utf8))
      }
    }
  }

  private func answer(_ line: String) -> String? {
    let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    guard !isSilent, fields.count > 2 else { return nil }
    let id = fields[1]
    switch fields[0] {
    case "AUTH":
      let response = fields.last.flatMap { $0.hasPrefix("resp=") ? $0.dropFirst(5) : nil }
      if fields[2] == "LOGIN", response == nil { return "CONT\t\(id)\tVXNlcm5hbWU6" }
      return judge(id, String(response ?? ""))
    case "CONT":
      return fields[2] == Self.letters("alice") ? "CONT\t\(id)\tUGFzc3dvcmQ6" : judge(id, fields[2])
    default: return nil
    }
  }

  private func judge(_ id: String, _ response: String) -> String? {
    switch response {
    case Self.letters("\0alice\0secret"), Self.letters("secret"): "OK\t\(id)\tuser=alice"
    case Self.letters("slow"): nil
    case Self.letters("away"): "FAIL\t\(id)\tuser=alice\tcode=temp_fail"
    default: "FAIL\t\(id)\tuser=alice"
    }
  }

  nonisolated static func letters(_ text: String) -> String {
    String(decoding: Base64.encoded(text.utf8), as: UTF8.self)
  }
}
