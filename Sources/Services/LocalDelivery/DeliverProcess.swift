import Glibc
import LinuxSystem
import MailTypes
import ServiceKit
import SystemPackage

/// The process that brings one message into a mailbox or to a command with a user's rights, and
/// does nothing else.
///
/// It becomes the user before it looks at anything; it holds a copy of the message, no descriptor
/// of the spool, and blocks as it likes.
package enum DeliverProcess {
  /// The word behind `role` on its command line.
  package static let roleName = "deliver"

  /// Takes one order from the inherited socket, carries it out and answers; returns the exit
  /// status.
  package static func run() -> Int32 {
    RoleProcess.takeName()
    let socket = OwnedDescriptor(adopting: RoleProcess.channelDescriptor)
    guard let (order, content, host, sizeMax) = order(from: socket.raw) else {
      return EX_SOFTWARE
    }
    // What a command leaves running that had its time is ended with this process.
    let hasSession = setsid() > 0
    // A command that reads nothing does not end this process.
    ThisProcess.ignoreBrokenPipes()
    let verdict = deliver(order, content, host: host, sizeMax: sizeMax, for: socket.raw)
    let answer = verdict.encoded.withUnsafeBytes { Sockets.sendPacket(socket.raw, $0) }
    if hasSession, verdict.endsSession { kill(0, SIGKILL) }
    guard case .count = answer else { return EX_IOERR }
    return 0
  }

  /// Waits for the order, with which a copy of the message comes. The parent may be slower than the
  /// start of this process, and the calls on sockets never wait themselves.
  static func order(
    from socket: Int32
  ) -> (DeliverOrder, content: SharedDescriptor, host: String, sizeMax: Int64)? {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      switch Sockets.receivePacket(socket, into: buffer) {
      case .packet(let count, let descriptors, false) where descriptors.count == 1:
        let order = try? DeliverOrder.decode(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        return order.map { ($0.0, descriptors[0], $0.host, $0.sizeMax) }
      case .wouldBlock:
        var request = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        poll(&request, 1, -1)
      case .packet, .ended, .failed: return nil
      }
    }
  }

  private static func deliver(
    _ order: DeliverOrder, _ content: SharedDescriptor, host: String, sizeMax: Int64,
    for waiter: Int32
  ) -> LocalVerdict {
    do throws(Errno) {
      try become(order)
    } catch {
      return .processFailed("cannot become \(order.account.name): \(error)")
    }
    _ = ThisProcess.setUmask(0o077)
    var settings = LocalAgent.Settings()
    settings.mailboxSizeMax = sizeMax
    let agent = LocalAgent(
      settings: settings, names: MaildirName(host: host, pid: ThisProcess.pid))
    let message = LocalMessage(
      content: content.raw, header: 0..<order.headerLength,
      body: order.headerLength..<(order.headerLength + order.bodyLength), sender: order.sender,
      recipient: order.recipient, original: order.original, style: order.style,
      lineEnd: order.lineEnd)
    let time = Clocks.wallNow()
    switch order.destination {
    case .maildir(let path):
      return agent.write(message, to: path, at: time, isVirtual: order.isVirtual)
    case .mailbox(let path, var lock, let isOwnedByUser):
      lock.waiter = waiter
      return agent.append(
        message,
        to: MailboxFile(path: path, lock: lock, owner: isOwnedByUser ? Identity.uid : nil),
        at: time, failure: order.failurePrefix(path), isVirtual: order.isVirtual)
    case .file(let path, _) where path.hasSuffix("/"):
      guard case .maildir(let folder) = MailboxPlace(path: path) else {
        preconditionFailure("a path with a slash at its end is a Maildir's")
      }
      return agent.write(message, to: folder, at: time)
    case .file(let path, let lock):
      return agent.append(
        message, to: MailboxFile(path: path, lock: lock, owner: nil, isMailbox: false), at: time,
        success: .deliveredToFile(path), failure: "cannot append message to file \(path): ",
        isVirtual: false)
    case .command(let command): return agent.run(command, with: message, at: time, for: waiter)
    }
  }

  /// Takes the user's rights, if this process is not without the superuser's anyway.
  private static func become(_ order: DeliverOrder) throws(Errno) {
    guard Identity.isRoot else { return }
    let account = order.account
    guard case .maildir = order.destination, !order.isVirtual else {
      return try Identity.become(
        uid: account.uid, gid: account.gid, extraGroup: order.extraGroup)
    }
    try Identity.become(account)
  }
}

extension DeliverOrder {
  /// What stands before the reason of a failure at a mailbox file.
  fileprivate func failurePrefix(_ path: String) -> String {
    isVirtual
      ? "delivery failed to mailbox \(path): "
      : "cannot update mailbox \(path) for user \(account.name). "
  }
}
