import Glibc
import LinuxSystem

/// What commands print.
package enum Output {
  /// Writes bytes to standard output; a reader that has gone ends the command.
  package static func write(_ bytes: [UInt8]) {
    write(bytes, to: 1)
  }

  /// Writes a line to standard output.
  package static func line(_ text: String) {
    write(Array((text + "\n").utf8), to: 1)
  }

  /// Writes a line to standard error.
  package static func error(_ text: String) { error(text, to: 2) }

  /// Writes a line to what stands for standard error.
  static func error(_ text: String, to descriptor: Int32) {
    write(Array((text + "\n").utf8), to: descriptor)
  }

  /// Somebody who shares the stream made it non-blocking: waits as a blocking write would.
  private static func waitForRoom(_ descriptor: Int32) {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    poll(&request, 1, -1)
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      switch rest.withUnsafeBytes({ Files.writeSome(descriptor, $0) }) {
      case .count(let count): rest = rest.dropFirst(count)
      case .wouldBlock: waitForRoom(descriptor)
      case .ended, .failed: exit(EX_IOERR)
      }
    }
  }
}
