import Glibc

/// A Unix datagram socket as the system's logger or a service manager has one.
package final class DatagramSocket: Sendable {
  /// The descriptor, blocking.
  package let descriptor: Int32

  /// Binds a socket to a path, in place of what is there. A name that begins with `@` is abstract.
  /// A `receive` gives up after 20 seconds.
  package init?(_ path: String) {
    unlink(path)
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var name = Array(path.utf8)
    let isAbstract = name.first == UInt8(ascii: "@")
    if isAbstract { name[0] = 0 }
    guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 0
    let size = socklen_t(start + name.count + (isAbstract ? 0 : 1))
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    guard bound == 0 else { return nil }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  /// The next datagram; `nil` when none comes within the time.
  package func receive(within time: Duration) -> String? {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let parts = time.components
    let milliseconds = parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000
    return poll(&request, 1, Int32(milliseconds)) > 0 ? receive(now: true) : nil
  }

  /// The next datagram; `nil` when none comes, or with `now`, when there is none.
  package func receive(now: Bool = false) -> String? {
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = recv(descriptor, &bytes, bytes.count, now ? Int32(MSG_DONTWAIT) : 0)
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }
}
