import LinuxSystem
import Primitives
import Reactor
import Streams

/// Starts tasks in every way that Swift knows while sockets are busy, and counts threads.
@ReactorActor
enum ThreadProbe {
  static func run() async throws {
    let alone = try Reactor.threadCount()
    let helper = try HelperThread(name: "helper")
    var pair = try Sockets.streamPair()
    let server = try ByteStream(pair.takeFirst())
    let client = try ByteStream(pair.takeSecond())
    reactorTask { await EchoProbe.echo(server) }
    let conversation = reactorTask { await EchoProbe.converse(client, rounds: 2000) }
    var most = 0
    for _ in 0..<50 {
      async let child = strays()
      let unstructured = Task { await strays() }
      let detached = Task.detached { await strays() }
      await withTaskGroup { group in
        for _ in 0..<4 { group.addTask { await strays() } }
      }
      _ = await (child, unstructured.value, detached.value)
      _ = await helper.perform { 1 }
      try await sleep(until: Clocks.monotonicNow() + .milliseconds(1))
      most = max(most, try Reactor.threadCount())
    }
    await conversation.value
    most = max(most, try Reactor.threadCount())
    helper.stop()
    print("alone \(alone) with_helper \(most)")
  }

  nonisolated static func strays() async -> Int {
    await Task.yield()
    return await Task.detached { 1 }.value
  }
}
