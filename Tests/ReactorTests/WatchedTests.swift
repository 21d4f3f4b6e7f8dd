import LinuxSystem
import Primitives
import SystemPackage
import Testing

@testable import Reactor

@Suite(.serialized) struct WatchedTests {
  init() { Reactor.startThread() }

  static func poke(_ raw: Int32) {
    #expect([1].withUnsafeBytes { Sockets.send(raw, $0) } != .wouldBlock)
  }

  /// Two descriptors become ready in one turn; whichever session runs first closes the other's and
  /// opens new ones under the same numbers.
  @Test @ReactorActor func anEventOfAClosedDescriptorReachesNoOther() async throws {
    let staleBefore = Reactor.shared.metrics.staleEvents
    var first = try Sockets.streamPair()
    var second = try Sockets.streamPair()
    let peers = [SharedDescriptor(first.takeSecond()), SharedDescriptor(second.takeSecond())]
    let victims = [try Watched(first.takeFirst()), try Watched(second.takeFirst())]
    for peer in peers { Self.poke(peer.raw) }
    // Both events wait in the kernel. Closing now leaves them to be found stale, or to vanish with
    // the descriptor; a new one with the same number must not be taken for ready.
    let numbers = victims.map(\.raw)
    let copies = try numbers.map { SharedDescriptor(try OwnedDescriptor.duplicate(of: $0)) }
    for victim in victims { victim.close() }
    var third = try Sockets.streamPair()
    let reused = try Watched(third.takeFirst())
    let other = try Watched(third.takeSecond())
    #expect(numbers.contains(reused.raw) || numbers.contains(other.raw))
    for _ in 0..<3 { await Reactor.shared.yieldTurn() }
    #expect(!reused.mayRead && !other.mayRead)
    // The copies kept the descriptions alive, so the kernel did report them.
    #expect(Reactor.shared.metrics.staleEvents >= staleBefore + 2)
    Self.poke(other.raw)
    try await reused.readable(deadline: Reactor.shared.now + .seconds(60))
    _ = copies
  }

  @Test @ReactorActor func aSessionMayCloseAnotherThatIsReadyInTheSameTurn() async throws {
    var pairs: [(Watched, SharedDescriptor)] = []
    for _ in 0..<50 {
      var pair = try Sockets.streamPair()
      pairs.append((try Watched(pair.takeFirst()), SharedDescriptor(pair.takeSecond())))
    }
    var closed = 0
    var ready = 0
    var tasks: [Task<Void, Never>] = []
    for (index, pair) in pairs.enumerated() {
      tasks.append(
        reactorTask {
          do throws(WaitError) {
            try await pair.0.readable()
            ready += 1
            let victim = pairs[(index + 25) % 50].0
            let number = victim.raw
            victim.close()
            // The number is taken again at once.
            if let again = try? Sockets.streamPair(), index % 2 == 0 { _ = consume again }
            _ = number
          } catch {
            if error == .closed { closed += 1 }
          }
        })
    }
    for _ in 0..<3 { await Reactor.shared.yieldTurn() }
    for pair in pairs { Self.poke(pair.1.raw) }
    for task in tasks { await task.value }
    #expect(ready + closed == 50)
    #expect(ready >= 25)
  }

  @Test @ReactorActor func aWatchedDescriptorThatIsLetGoIsClosed() async throws {
    var pair = try Sockets.streamPair()
    let peer = try Watched(pair.takeSecond())
    do { _ = try Watched(pair.takeFirst()) }
    try await peer.readable(deadline: Reactor.shared.now + .seconds(60))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 8)
    defer { buffer.deallocate() }
    #expect(Sockets.receive(peer.raw, into: buffer) == .ended)
  }

  @Test @ReactorActor func aReleasedDescriptorIsWatchedNoMore() async throws {
    var pair = try Sockets.streamPair()
    let peer = pair.takeSecond()
    let watched = try Watched(pair.takeFirst())
    guard let descriptor = watched.release() else {
      Issue.record("an open descriptor was not given back")
      return
    }
    #expect(!watched.isOpen)
    await #expect(throws: WaitError.closed) { try await watched.readable() }
    let again = try Watched(descriptor)
    Self.poke(peer.raw)
    try await again.readable(deadline: Reactor.shared.now + .seconds(60))
  }

  @Test @ReactorActor func aListenerNobodyWaitsAtDoesNotSpin() async throws {
    let address = IPAddress("127.0.0.1")!
    let listener = try Watched(
      Sockets.listenTCP(address, port: 0, backlog: 16), as: .sharedListener)
    let port = try #require(try Sockets.localAddress(listener.raw).port)
    let clients = try (0..<3).map { _ in
      SharedDescriptor(try Sockets.connectTCP(address, port: port))
    }
    while !listener.isSuspended { await Reactor.shared.yieldTurn() }
    for _ in clients {
      try await listener.readable(deadline: Reactor.shared.now + .seconds(60))
      #expect(try Sockets.accept(listener.raw)?.peer != nil)
    }
    await #expect(throws: WaitError.timedOut) {
      try await listener.readable(deadline: Reactor.shared.now + .milliseconds(10))
    }
    listener.close()
  }

  @Test @ReactorActor func aFileCannotBeWatched() throws {
    let file = try Files.open("/tmp", [.read, .write, .temporary])
    #expect(throws: Errno.notPermitted) { try Watched(file.duplicate()) }
  }

  /// After a standstill there are more events than one turn takes.
  @Test @ReactorActor func whatCameInTimeIsSeenBeforeItsDeadlinePasses() async throws {
    var pairs: [(Watched, SharedDescriptor)] = []
    for _ in 0..<300 {
      var pair = try Sockets.streamPair()
      pairs.append((try Watched(pair.takeFirst()), SharedDescriptor(pair.takeSecond())))
    }
    for _ in 0..<3 { await Reactor.shared.yieldTurn() }
    for pair in pairs { Self.poke(pair.1.raw) }
    // It has passed when the loop looks again.
    let deadline = Reactor.shared.now + .nanoseconds(1)
    var ready = 0
    let tasks = pairs.map { pair in
      reactorTask {
        do throws(WaitError) {
          // Where other tests took the rest of the turn there is nothing to see.
          if Reactor.shared.now < deadline { try await pair.0.readable(deadline: deadline) }
          ready += 1
        } catch {
          Issue.record("\(error)")
        }
      }
    }
    for task in tasks { await task.value }
    #expect(ready == 300)
  }
}
