package import Primitives

/// Names of files in a Maildir, which no two deliveries share.
package struct MaildirName: Sendable {
  private let host: String
  private let pid: Int32

  /// Names the deliveries of one process. In the host's name a slash and a colon are replaced,
  /// since they mean something in a Maildir.
  package init(host: String, pid: Int32) {
    self.host = host.map { $0 == "/" ? "\\057" : $0 == ":" ? "\\072" : String($0) }.joined()
    self.pid = pid
  }

  /// The name in `tmp`: the process delivers one message at a time.
  package func temporary(at time: WallTime) -> String {
    "\(time.seconds).M\(time.microseconds % 1_000_000)P\(pid).\(host)"
  }

  /// The name in `new`: no two living files share device and inode.
  package func delivered(at time: WallTime, device: UInt64, inode: UInt64) -> String {
    let file = "V\(String(device, radix: 16))I\(String(inode, radix: 16))"
    return "\(time.seconds).\(file)M\(time.microseconds % 1_000_000).\(host)"
  }
}
