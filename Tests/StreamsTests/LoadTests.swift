import LinuxSystem
import Primitives
import Reactor
import Streams
import SystemPackage
import Testing

@Suite(.serialized) struct LoadTests {
  init() { Reactor.startThread() }

  @ReactorActor
  static func echo(_ stream: ByteStream) async {
    var echoed: [UInt8] = []
    do throws(StreamError) {
      while try await stream.read({ echoed = [UInt8]($0) }) != nil {
        try await stream.write(echoed)
      }
    } catch {
      Issue.record(error)
    }
    stream.close()
  }

  @ReactorActor
  static func ask(_ stream: ByteStream, rounds: Int) async -> Int {
    var answered = 0
    do throws(StreamError) {
      for round in 0..<rounds {
        let question = [UInt8](repeating: UInt8(round & 255), count: 64)
        try await stream.write(question)
        var got = 0
        while got < 64 {
          guard let count = try await stream.read({ $0.count }) else { return answered }
          got += count
        }
        answered += 1
      }
    } catch {
      Issue.record(error)
    }
    stream.close()
    return answered
  }

  @Test(.timeLimit(.minutes(2))) @ReactorActor
  func eightThousandPairsEchoAtOnce() async throws {
    let limit = try ThisProcess.raiseDescriptorLimit()
    let pairs = min(8000, (limit - 200) / 2)
    let rounds = 5
    var clients: [Task<Int, Never>] = []
    for _ in 0..<pairs {
      var pair = try Sockets.streamPair()
      let server = try ByteStream(pair.takeFirst())
      let client = try ByteStream(pair.takeSecond())
      reactorTask { await Self.echo(server) }
      clients.append(Task { @ReactorActor in await Self.ask(client, rounds: rounds) })
    }
    var answered = 0
    for client in clients { answered += await client.value }
    #expect(answered == pairs * rounds)
  }

  @Test(.timeLimit(.minutes(1))) @ReactorActor
  func aFirehoseDoesNotStarveAPing() async throws {
    var hose = try Sockets.streamPair()
    let source = try ByteStream(hose.takeFirst())
    let drain = try ByteStream(hose.takeSecond())
    let block = [UInt8](repeating: 0, count: 16384)
    let writer = Task { @ReactorActor in
      while true { try await source.write(block) }
    }
    let reader = Task { @ReactorActor in
      while try await drain.read({ $0.count }) != nil {}
    }
    var pair = try Sockets.streamPair()
    let server = try ByteStream(pair.takeFirst())
    let client = try ByteStream(pair.takeSecond())
    reactorTask { await Self.echo(server) }
    #expect(await Self.ask(client, rounds: 200) == 200)
    source.close()
    drain.close()
    await #expect(throws: StreamError.self) { try await writer.value }
    _ = await reader.result
  }
}
