import Control
import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import Streams
import TestSupport
import Testing

@testable import Administration

@Suite struct ControlClientTests {
  init() { Reactor.startThread() }

  /// Takes one command and says the bytes, one at a time, as a busy mail system might.
  @ReactorActor
  private func answer(_ listener: Watched, _ bytes: [UInt8]) async throws -> ControlFrame? {
    try await listener.readable(deadline: Clocks.monotonicNow() + .seconds(10))
    guard let accepted = try Sockets.accept(listener.raw) else { return nil }
    let stream = try ByteStream(accepted.take())
    var reader = ControlFrameReader()
    var command: ControlFrame?
    while command == nil {
      guard try await stream.read({ reader.append($0) }) != nil else { return nil }
      command = try reader.next()
    }
    for byte in bytes {
      await Reactor.shared.yieldTurn()
      try await stream.write([byte])
    }
    stream.close()
    return command
  }

  private func ask(_ answerBytes: [UInt8]) async throws -> (parts: [[UInt8]], failure: String?) {
    let folder = try TemporaryDirectory()
    let path = folder.path("control")
    let socket = SharedDescriptor(try Sockets.listenUnix(path, mode: 0o600, backlog: 5))
    let server = Task { @ReactorActor in
      let listener = try Watched(try socket.duplicate(), as: .sharedListener)
      return try await self.answer(listener, answerBytes)
    }
    // The client blocks, as commands may, and so has a thread of its own.
    let helper = try HelperThread(name: "client")
    let outcome = await helper.perform { Self.listing(from: path) }
    #expect(try await server.value == .command(QueueCommand.list.encoded))
    return outcome
  }

  private static func listing(from path: String) -> (parts: [[UInt8]], failure: String?) {
    var parts: [[UInt8]] = []
    do throws(ControlFailure) {
      try ControlClient(path: path).ask(.list) { parts.append($0) }
      return (parts, nil)
    } catch {
      return (parts, error.description)
    }
  }

  @Test func anAnswerThatTakesItsTimeIsWaitedFor() async throws {
    let frames: [ControlFrame] = [.part([1, 2, 3]), .part([4]), .end]
    let (parts, failure) = try await ask(frames.flatMap(\.encoded))
    #expect(parts == [[1, 2, 3], [4]])
    #expect(failure == nil)
  }

  @Test func aRefusalIsTheUsersToRead() async throws {
    let (parts, failure) = try await ask(ControlFrame.refused("not now").encoded)
    #expect(parts.isEmpty)
    #expect(failure == "not now")
  }

  @Test func anAnswerThatBreaksOffIsAFailure() async throws {
    let (parts, failure) = try await ask(ControlFrame.part([1]).encoded + [5, 0])
    #expect(parts == [[1]])
    #expect(failure == "the mail system hung up")
  }
}
