import Glibc
import LinuxSystem
import MailTypes
import ServiceKit
import SystemPackage

/// The process that writes one message with a user's rights and nothing else.
///
/// It becomes the user before it looks at anything; it holds a copy of the message, no descriptor
/// of the spool, and blocks as it likes.
package enum DeliverProcess {
  /// The word behind `role` on its command line.
  package static let roleName = "deliver"

  /// Takes one order from the inherited socket, carries it out and answers; returns the exit
  /// status.
  package static func run() -> Int32 {
    let socket = OwnedDescriptor(adopting: RoleProcess.channelDescriptor)
    guard let (order, host, sizeMax) = order(from: socket.raw) else { return EX_SOFTWARE }
    let verdict = deliver(order, host: host, sizeMax: sizeMax)
    let answer = verdict.encoded.withUnsafeBytes { Sockets.sendPacket(socket.raw, $0) }
    guard case .count = answer else { return EX_IOERR }
    return 0
  }

  /// Waits for the order. The parent may be slower than the start of this process, and the calls on
  /// sockets never wait themselves.
  static func order(from socket: Int32) -> (DeliverOrder, host: String, sizeMax: Int64)? {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      switch Sockets.receivePacket(socket, into: buffer) {
      case .packet(let count, let descriptors, false) where descriptors.count == 1:
        return try? DeliverOrder.decode(
          UnsafeRawBufferPointer(rebasing: buffer[..<count]), content: descriptors[0])
      case .wouldBlock:
        var request = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        poll(&request, 1, -1)
      case .packet, .ended, .failed: return nil
      }
    }
  }

  private static func deliver(_ order: DeliverOrder, host: String, sizeMax: Int64) -> LocalVerdict {
    do throws(Errno) {
      try Identity.become(order.account)
      try ThisProcess.setNoNewPrivileges()
    } catch {
      return .processFailed("cannot become \(order.account.name): \(error)")
    }
    _ = ThisProcess.setUmask(0o077)
    var settings = LocalAgent.Settings()
    settings.mailboxSizeMax = sizeMax
    let agent = LocalAgent(
      settings: settings, names: MaildirName(host: host, pid: ThisProcess.pid))
    let message = LocalMessage(
      content: order.content.raw, header: 0..<order.headerLength,
      body: order.headerLength..<(order.headerLength + order.bodyLength), sender: order.sender,
      recipient: order.recipient, original: order.original)
    return agent.write(message, to: order.path, at: Clocks.wallNow())
  }
}
