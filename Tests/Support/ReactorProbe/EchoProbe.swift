import LinuxSystem
import Primitives
import Reactor
import Streams

/// Echo over TCP on loopback, and what it costs.
@ReactorActor
enum EchoProbe {
  static let loopback = IPAddress(v4: 0x7f00_0001)
  static var rounds = 0

  static func serve(port: UInt16, connections: Int) async throws {
    try ThisProcess.raiseDescriptorLimit()
    let listener = try Watched(
      Sockets.listenTCP(loopback, port: port, backlog: 4096), as: .sharedListener)
    print("ready")
    var sessions: [Task<Void, Never>] = []
    while sessions.count < connections {
      try await listener.readable()
      while let accepted = try Sockets.accept(listener.raw) {
        let stream = try ByteStream(accepted.take())
        try Sockets.setNoDelay(stream.raw, true)
        sessions.append(reactorTask { await echo(stream) })
      }
    }
    for session in sessions { await session.value }
    let metrics = Reactor.shared.metrics
    let micros = Double(Clocks.processTime().wholeNanoseconds) / 1000
    print("rounds \(rounds) cpu_us_per_round \(micros / Double(max(rounds, 1))) \(metrics)")
  }

  static func echo(_ stream: ByteStream) async {
    var bytes: [UInt8] = []
    do throws(StreamError) {
      while true {
        let deadline = Reactor.shared.now + .seconds(300)
        let read: Void? = try await stream.read(deadline: deadline) {
          bytes.removeAll(keepingCapacity: true)
          bytes.append(contentsOf: $0)
        }
        if read == nil { break }
        try await stream.write(bytes, deadline: deadline)
        rounds += 1
      }
    } catch {
      print("echo: \(error)")
    }
    stream.close()
  }

  static func ask(port: UInt16, connections: Int, rounds: Int) async throws {
    try ThisProcess.raiseDescriptorLimit()
    var tasks: [Task<Void, Never>] = []
    for _ in 0..<connections {
      let stream = try await ByteStream.connect(
        to: loopback, port: port, deadline: Reactor.shared.now + .seconds(10))
      tasks.append(reactorTask { await converse(stream, rounds: rounds) })
    }
    for task in tasks { await task.value }
  }

  static func converse(_ stream: ByteStream, rounds: Int) async {
    let question = [UInt8](repeating: 65, count: 64)
    do throws(StreamError) {
      for _ in 0..<rounds {
        try await stream.write(question)
        var got = 0
        while got < question.count {
          guard let count = try await stream.read({ $0.count }) else { return }
          got += count
        }
      }
    } catch {
      print("converse: \(error)")
    }
    stream.close()
  }

  static func idle(count: Int) async throws {
    try ThisProcess.raiseDescriptorLimit()
    var peers: [SharedDescriptor] = []
    let before = try residentBytes()
    for _ in 0..<count {
      var pair = try Sockets.streamPair()
      let stream = try ByteStream(pair.takeFirst())
      peers.append(SharedDescriptor(pair.takeSecond()))
      reactorTask { await echo(stream) }
    }
    for _ in 0..<3 { await Reactor.shared.yieldTurn() }
    print("bytes_per_session \((try residentBytes() - before) / count)")
    peers.removeAll()
    for _ in 0..<3 { await Reactor.shared.yieldTurn() }
  }

  private static func residentBytes() throws -> Int {
    let text = String(
      decoding: try Files.readWhole("/proc/self/statm", limit: 4096), as: UTF8.self)
    return Int(text.split(separator: " ")[1])! * 4096
  }
}
