import Glibc
package import LinuxSystem
import Primitives
package import Reactor
import SystemPackage

/// The log of a process: lines in Postfix's shape, written together when a turn of the loop ends.
///
/// A slow reader of the log never holds the loop: what it does not take waits in a bounded buffer,
/// and a line counts what found no room there. A log that is broken for the moment (a full disk, a
/// system logger that is started again) is tried again each second.
@ReactorActor
package final class Log {
  /// The largest write that a pipe takes as a whole (PIPE_BUF).
  private static let pipeWriteMax = 4096

  /// Where the system's logger, or the journal, listens.
  package nonisolated static let systemLogger = "/dev/log"
  /// How long a broken log is left alone.
  private static let retryPause: Duration = .seconds(1)

  private var descriptor: OwnedDescriptor
  private var kind: LogKind
  private let systemLogger: String
  private var isFile = false
  private var isSocket = false
  private var buffer: LogBuffer
  private var flushIsPlanned = false
  private var waiter: Watched?
  private var retry: Alarm?

  /// - Parameters:
  ///   - descriptor: a file, pipe, terminal or stream socket for `.lines`, a connected datagram
  ///     socket for `.syslog`; pipes and terminals must be non-blocking.
  ///   - capacity: `log_buffer_size`, the most bytes that wait.
  ///   - systemLogger: where to connect anew when the other end of `.syslog` has gone.
  package init(
    _ descriptor: consuming OwnedDescriptor, kind: LogKind, capacity: Int, hostName: String,
    syslogName: String, facility: UInt8, systemLogger: String = Log.systemLogger
  ) {
    self.kind = kind
    self.systemLogger = systemLogger
    self.descriptor = descriptor
    buffer = LogBuffer(
      kind: kind, capacity: max(capacity, 2 * LogBuffer.lineLengthMax), hostName: hostName,
      syslogName: syslogName, facility: facility, pid: getpid())
    lookAtDescriptor()
  }

  /// `soft_bounce`: deliveries that fail for good are logged as tried again.
  package var softBounce = false

  private func lookAtDescriptor() {
    let status = try? Files.status(of: descriptor.raw)
    isFile = status?.isRegular ?? false
    isSocket = status?.isSocket ?? false
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

  /// Goes on with another descriptor, after rotation. What the former did not take goes there too.
  package func redirect(to fresh: consuming OwnedDescriptor, kind: LogKind) {
    flush()
    self.kind = kind
    buffer.kind = kind
    replace(by: fresh)
    planFlush()
  }

  /// Takes what a changed configuration says of lines to come.
  ///
  /// - Parameters:
  ///   - capacity: `log_buffer_size`.
  ///   - hostName: `myhostname`.
  ///   - syslogName: `syslog_name`.
  package func rename(capacity: Int, hostName: String, syslogName: String) {
    buffer.hostName = hostName
    buffer.syslogName = syslogName
    buffer.capacity = max(capacity, 2 * LogBuffer.lineLengthMax)
  }

  private func replace(by fresh: consuming OwnedDescriptor) {
    descriptor = fresh
    lookAtDescriptor()
    retry = nil
    _ = waiter?.release()
    waiter = nil
  }

  private func planFlush() {
    guard !flushIsPlanned, waiter == nil, retry == nil else { return }
    flushIsPlanned = true
    Reactor.shared.atEndOfTurn { self.flush() }
  }

  /// Writes what the descriptor takes now.
  package func flush() {
    flushIsPlanned = false
    while !buffer.bytes.isEmpty {
      switch writeOnce() {
      case .count(let count): buffer.consume(count)
      case .wouldBlock: return waitForRoom()
      case .ended: return tryAgainLater()
      case .failed(let error):
        guard kind == .syslog, Self.loggerHasGone(error), reconnect() else {
          return tryAgainLater()
        }
      }
      if buffer.bytes.isEmpty { buffer.noteDroppedLines() }
    }
  }

  /// Writes whole lines, so that those of several processes do not mix.
  private func writeOnce() -> Transfer {
    let limit = isFile ? buffer.bytes.count : Self.pipeWriteMax
    let count = buffer.wholeLines(limit: kind == .syslog ? 1 : limit)
    // A datagram ends a line without a line feed.
    let length = kind == .syslog ? count - 1 : count
    let outcome = buffer.bytes.withUnsafeBytes { bytes in
      let part = UnsafeRawBufferPointer(rebasing: bytes[..<length])
      return isSocket ? Sockets.send(descriptor.raw, part) : Files.writeSome(descriptor.raw, part)
    }
    if kind == .syslog, case .count = outcome { return .count(count) }
    return outcome
  }

  private static func loggerHasGone(_ error: Errno) -> Bool {
    error == .connectionRefused || error == .socketNotConnected || error == .connectionReset
  }

  private func reconnect() -> Bool {
    guard let fresh = try? Sockets.connectDatagrams(systemLogger) else { return false }
    replace(by: fresh)
    return true
  }

  private func tryAgainLater() {
    guard retry == nil, waiter == nil else { return }
    let alarm = Alarm {
      self.retry = nil
      self.flush()
    }
    retry = alarm
    alarm.schedule(at: Reactor.shared.now + Self.retryPause)
  }

  private func waitForRoom() {
    guard waiter == nil else { return }
    guard let copy = try? descriptor.duplicate(), let watched = try? Watched(copy) else {
      return tryAgainLater()
    }
    waiter = watched
    watched.writeBlocked()
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
