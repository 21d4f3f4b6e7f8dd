import Control
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
      let connected = try Sockets.connectUnix(path)
      try connected.setNonblocking(false)
      socket = SharedDescriptor(connected)
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
        let transfer = buffer.withUnsafeMutableBytes { Sockets.receive(socket.raw, into: $0) }
        guard case .count(let count) = transfer else {
          throw ControlFailure(description: "the mail system hung up")
        }
        buffer[..<count].withUnsafeBytes { reader.append($0) }
      }
    }
  }

  private func send(_ bytes: [UInt8]) throws(ControlFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let transfer = rest.withUnsafeBytes { Sockets.send(socket.raw, $0) }
      guard case .count(let count) = transfer else {
        throw ControlFailure(description: "the mail system hung up")
      }
      rest = rest.dropFirst(count)
    }
  }
}
