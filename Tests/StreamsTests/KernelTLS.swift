import Glibc

/// Whether the kernel of the host encrypts for sockets.
enum KernelTLS {
  /// A kernel that can says that the socket is not connected; others do not know what is wanted.
  static let isThere: Bool = {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    let name = Array("tls".utf8)
    let upperLayer: Int32 = 31
    return setsockopt(socket, Int32(IPPROTO_TCP), upperLayer, name, socklen_t(name.count)) == 0
      || errno == ENOTCONN
  }()
}
