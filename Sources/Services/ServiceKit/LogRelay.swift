import Glibc
package import LinuxSystem
package import Primitives
package import Reactor
package import SystemPackage

/// Passes the log on to a descriptor that can only be written to with blocking calls.
///
/// Roles write to a pipe, which a thread empties: it alone is held when the reader is stuck.
@ReactorActor
package final class LogRelay {
  private nonisolated static let chunkSize = 1 << 16

  private let thread: HelperThread
  private let lifeline: SharedDescriptor
  private let ended = Gate()
  private var isOver = false

  private init(_ thread: HelperThread, lifeline: SharedDescriptor) {
    self.thread = thread
    self.lifeline = lifeline
  }

  /// Starts the thread; gives the relay and the non-blocking end of the pipe to write to.
  package static func start(
    to target: consuming OwnedDescriptor
  ) throws(Errno) -> (relay: LogRelay, writing: SharedDescriptor) {
    var pipe = try Files.pipe()
    let source = SharedDescriptor(pipe.takeReading())
    let waiting = pipe.takeWriting()
    let writing = try Files.open("/proc/self/fd/\(waiting.raw)", [.write, .nonblocking])
    var life = try Files.pipe()
    let end = SharedDescriptor(life.takeReading())
    let relay = LogRelay(
      try HelperThread(name: "log"), lifeline: SharedDescriptor(life.takeWriting()))
    let target = SharedDescriptor(target)
    relay.thread.submit { passOn(from: source, to: target, until: end) }
    return (relay, SharedDescriptor(writing))
  }

  /// Waits until all that was written has been passed on, but not longer than until `deadline`.
  /// Nothing is passed on afterwards.
  package func finish(deadline: MonotonicTime) async {
    _ = [UInt8(1)].withUnsafeBytes { Files.writeSome(lifeline.raw, $0) }
    reactorTask {
      await self.thread.perform {}
      self.isOver = true
      self.ended.pulse()
    }
    do throws(WaitError) {
      try await ended.wait(deadline: deadline) { !isOver }
    } catch {
      // The reader is stuck: what it has not taken is lost with this process.
      return
    }
  }

  /// Runs on the thread: ends when nothing is left and `end` is readable, or nobody reads any
  /// more. The writers see the latter as a broken pipe.
  private nonisolated static func passOn(
    from source: SharedDescriptor, to target: SharedDescriptor, until end: SharedDescriptor
  ) {
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize, alignment: 16)
    defer { chunk.deallocate() }
    while true {
      var watched = [
        pollfd(fd: source.raw, events: Int16(POLLIN), revents: 0),
        pollfd(fd: end.raw, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&watched, 2, -1) > 0 else { continue }
      guard watched[0].revents != 0 else { return }
      guard case .count(let count) = Files.readSome(source.raw, into: chunk) else { return }
      var rest = UnsafeRawBufferPointer(rebasing: chunk[..<count])
      while !rest.isEmpty {
        guard case .count(let written) = Files.writeSome(target.raw, rest) else { return }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }
  }
}
