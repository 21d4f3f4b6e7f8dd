import LinuxSystem
package import Primitives
import Reactor
package import SystemPackage

extension ByteStream {
  /// The first pause before a Unix socket whose queue is full is tried again; each is twice the
  /// one before.
  private static let retryPauseMin = Duration.milliseconds(10)
  /// The longest.
  private static let retryPauseMax = Duration.seconds(1)

  /// Connects to the Unix stream socket at `path`.
  ///
  /// One whose queue is full is tried again up to the deadline: without blocking the kernel says
  /// only that it is full, and never that there is room.
  package static func connect(
    toPath path: String, deadline: MonotonicTime
  ) async throws(StreamError) -> ByteStream {
    var pause = retryPauseMin
    while true {
      do throws(Errno) {
        return try ByteStream(try Sockets.connectUnix(path))
      } catch {
        guard error == .wouldBlock else { throw .system(error) }
      }
      guard Reactor.shared.now < deadline else { throw .timedOut }
      do throws(WaitError) {
        try await sleep(until: min(Reactor.shared.now + pause, deadline))
      } catch {
        throw StreamError(error)
      }
      pause = min(pause * 2, retryPauseMax)
    }
  }

  /// Has the kernel find out that a TCP peer is no more: one that sends nothing for `idle` is
  /// asked, and the stream ends when it has acknowledged nothing for `timeout`.
  package func watchPeer(idle: Duration, timeout: Duration) throws(Errno) {
    try Sockets.setKeepAlive(watched.raw, idle: idle, timeout: timeout)
  }
}
