import LinuxSystem
import MailTypes
import Primitives
import Reactor
import ServiceKit
import Streams
import SystemPackage

/// Somebody who follows sessions from outside: lines go to a socket that another process reads.
///
/// A line that finds no room is dropped and counted: no session ever waits for who looks on.
@ReactorActor
final class DialogFollower {
  let filter: TraceFilter
  private var socket: Watched?
  private var dropped: UInt64 = 0

  init(_ filter: TraceFilter, _ socket: consuming OwnedDescriptor) throws(Errno) {
    self.filter = filter
    self.socket = try Watched(socket)
  }

  /// Returns when nobody reads any more. The description is shared with other processes, so it is
  /// taken out of the loop by name.
  func waitForEnd() async {
    // Nothing is ever sent this way: what makes it readable is the end.
    try? await socket?.readable(deadline: nil)
    _ = socket?.release()
    socket = nil
  }

  func write(_ line: [UInt8]) {
    guard let socket else { return }
    if dropped > 0 {
      var notice: [UInt8] = []
      notice.append(text: "... ")
      notice.append(decimal: dropped)
      notice.append(text: " lines lost: they came faster than they were read")
      guard send(notice, socket) else {
        dropped += 1
        return
      }
      dropped = 0
    }
    if !send(line, socket) { dropped += 1 }
  }

  private func send(_ line: [UInt8], _ socket: Watched) -> Bool {
    let outcome = line.withUnsafeBytes { Sockets.sendPacket(socket.raw, $0) }
    if case .count = outcome { return true }
    return false
  }
}
