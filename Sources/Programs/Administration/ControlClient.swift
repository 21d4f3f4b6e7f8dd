import Control
import Glibc
import LinuxSystem
package import ServiceKit
import SystemPackage

/// Why a command got no answer; the text is for the user.
package struct ControlFailure: Error, CustomStringConvertible {
  /// The sentence to print.
  package let description: String
}

/// A command's side of the socket of the running mail system; it waits, for commands may.
package final class ControlClient {
  private let socket: SharedDescriptor

  /// Connects to the socket at `path`.
  package init(path: String) throws(ControlFailure) {
    do throws(Errno) {
      socket = SharedDescriptor(try Sockets.connectUnix(path))
    } catch {
      throw ControlFailure(description: "cannot reach the mail system at \(path): \(error)")
    }
  }

  /// Sends a command and shows each part of the answer to `part`.
  package func ask(
    _ command: QueueCommand, _ part: ([UInt8]) throws(ControlFailure) -> Void
  ) throws(ControlFailure) {
    try send(ControlFrame.command(command.encoded).encoded)
    var reader = ControlFrameReader()
    var buffer = [UInt8](repeating: 0, count: ControlFrame.lengthMax)
    while true {
      let frame: ControlFrame?
      do throws(ControlFrameReader.Violation) {
        frame = try reader.next()
      } catch {
        throw ControlFailure(description: "the mail system answers what is no answer")
      }
      switch frame {
      case .part(let bytes)?: try part(bytes)
      case .end?: return
      case .refused(let text)?: throw ControlFailure(description: text)
      case .command?: throw ControlFailure(description: "the mail system asks back")
      case nil:
        switch buffer.withUnsafeMutableBytes({ Sockets.receive(socket.raw, into: $0) }) {
        case .count(let count): buffer[..<count].withUnsafeBytes { reader.append($0) }
        case .wouldBlock: wait(for: POLLIN)
        case .ended, .failed: throw ControlFailure(description: "the mail system hung up")
        }
      }
    }
  }

  private func send(_ bytes: [UInt8]) throws(ControlFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      switch rest.withUnsafeBytes({ Sockets.send(socket.raw, $0) }) {
      case .count(let count): rest = rest.dropFirst(count)
      case .wouldBlock: wait(for: POLLOUT)
      case .ended, .failed: throw ControlFailure(description: "the mail system hung up")
      }
    }
  }

  /// The calls on sockets never wait themselves.
  private func wait(for event: Int32) {
    var request = pollfd(fd: socket.raw, events: Int16(event), revents: 0)
    poll(&request, 1, -1)
  }
}
