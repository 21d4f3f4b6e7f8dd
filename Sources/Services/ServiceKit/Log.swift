import Glibc
package import LinuxSystem
import Primitives
package import Reactor
import SystemPackage

/// The log of a process: lines in Postfix's shape, written together when a turn of the loop ends.
///
/// A slow reader of the log never holds the loop: what it does not take waits in a bounded buffer.
@ReactorActor
package final class Log {
  /// The largest write that a pipe takes as a whole (PIPE_BUF).
  private static let pipeWriteMax = 4096

  private var descriptor: OwnedDescriptor
  private let kind: LogKind
  private let isFile: Bool
  private var buffer: LogBuffer
  private var flushIsPlanned = false
  private var waiter: Watched?

  /// - Parameters:
  ///   - descriptor: a file, pipe or terminal for `.lines`, a connected datagram socket for
  ///     `.syslog`; non-blocking unless it is a file.
  ///   - capacity: `log_buffer_size`, the most bytes that wait.
  package init(
    _ descriptor: consuming OwnedDescriptor, kind: LogKind, capacity: Int, hostName: String,
    syslogName: String, facility: UInt8
  ) {
    var status = stat()
    isFile = fstat(descriptor.raw, &status) == 0 && status.st_mode & 0o170000 == 0o100000
    self.kind = kind
    self.descriptor = descriptor
    buffer = LogBuffer(
      kind: kind, capacity: max(capacity, 2 * LogBuffer.lineLengthMax), hostName: hostName,
      syslogName: syslogName, facility: facility, pid: getpid())
  }

  /// Writes one line; `body` appends its text behind `name/tag[pid]: `.
  package func line(
    _ tag: StaticString, severity: LogSeverity = .information, _ body: (inout [UInt8]) -> Void
  ) {
    let bytes = UnsafeBufferPointer(start: tag.utf8Start, count: tag.utf8CodeUnitCount)
    buffer.add(tag: bytes, severity: severity, body)
    planFlush()
  }

  /// Writes one line under a tag that is only known while running, such as `submission/smtpd`.
  package func line(
    tag: [UInt8], severity: LogSeverity = .information, _ body: (inout [UInt8]) -> Void
  ) {
    buffer.add(tag: tag, severity: severity, body)
    planFlush()
  }

  /// Writes a line of text that is not on a hot path.
  package func information(_ tag: StaticString, _ text: String) {
    line(tag) { $0.append(string: text) }
  }

  /// Writes `warning: text`.
  package func warning(_ tag: StaticString, _ text: String) {
    line(tag, severity: .warning) {
      $0.append(text: "warning: ")
      $0.append(string: text)
    }
  }

  /// Writes `error: text`.
  package func error(_ tag: StaticString, _ text: String) {
    line(tag, severity: .error) {
      $0.append(text: "error: ")
      $0.append(string: text)
    }
  }

  /// Goes on with another descriptor, after rotation.
  package func redirect(to fresh: consuming OwnedDescriptor) {
    flush()
    descriptor = fresh
    _ = waiter?.release()
    waiter = nil
  }

  private func planFlush() {
    guard !flushIsPlanned, waiter == nil else { return }
    flushIsPlanned = true
    Reactor.shared.atEndOfTurn { self.flush() }
  }

  /// Writes what the descriptor takes now.
  package func flush() {
    flushIsPlanned = false
    while !buffer.bytes.isEmpty {
      guard writeOnce() else { return waitForRoom() }
    }
  }

  private func writeOnce() -> Bool {
    let limit = isFile ? buffer.bytes.count : Self.pipeWriteMax
    let count =
      kind == .syslog ? buffer.wholeLines(limit: 1) : buffer.wholeLines(limit: limit)
    let length = kind == .syslog ? count - 1 : count
    let written = buffer.bytes.withUnsafeBytes { write(descriptor.raw, $0.baseAddress, length) }
    if written < 0 {
      if errno == EINTR { return true }
      if errno == EAGAIN || errno == ENOBUFS { return false }
      // The log itself is broken: nobody can be told, and mail must flow on.
      buffer.consume(count)
      return true
    }
    buffer.consume(kind == .syslog ? count : written)
    return true
  }

  private func waitForRoom() {
    guard waiter == nil, let copy = try? descriptor.duplicate(), let watched = try? Watched(copy)
    else { return }
    waiter = watched
    reactorTask {
      do throws(WaitError) {
        try await watched.writable(deadline: nil)
      } catch {
        return
      }
      // The description lives on in `descriptor`: left in the loop it could not be watched again.
      _ = watched.release()
      self.waiter = nil
      self.flush()
    }
  }
}
