import CLinux
package import Primitives
package import SystemPackage

/// Making sockets. All are non-blocking and closed on exec.
package enum Sockets {
  /// A listening TCP socket. `backlog` is the number of connections the kernel keeps waiting.
  ///
  /// An IPv6 socket takes IPv6 alone unless `v6Only` is false.
  package static func listenTCP(
    _ address: IPAddress, port: UInt16, backlog: Int, reusePort: Bool = false, v6Only: Bool = true
  ) throws(Errno) -> OwnedDescriptor {
    var form = try kernelForm(.ip(address, port: port))
    let socket = OwnedDescriptor(adopting: try checked(clinux_socket_stream(&form)))
    try checked(clinux_set_reuse_address(socket.raw, true))
    if reusePort { try checked(clinux_set_reuse_port(socket.raw, true)) }
    if address.family == .v6 { try checked(clinux_set_v6_only(socket.raw, v6Only)) }
    try checked(clinux_bind(socket.raw, &form))
    try checked(clinux_listen(socket.raw, CInt(backlog)))
    return socket
  }

  /// A listening Unix socket at `path` with the permissions `mode`. A stale file is the caller's
  /// to remove before.
  package static func listenUnix(
    _ path: String, mode: UInt32, backlog: Int
  ) throws(Errno) -> OwnedDescriptor {
    var form = try kernelForm(.path(path))
    let socket = OwnedDescriptor(adopting: try checked(clinux_socket_stream(&form)))
    // Until the mode is right nobody but the owner may connect.
    let umask = clinux_umask(0o177)
    let bound = clinux_bind(socket.raw, &form)
    _ = clinux_umask(umask)
    try checked(bound)
    try checked(clinux_mode_at(clinux_working_directory, path, mode))
    try checked(clinux_listen(socket.raw, CInt(backlog)))
    return socket
  }

  /// The next waiting connection, or `nil` when there is none now.
  ///
  /// Connections that broke while they waited are passed over. Throws what the process or the
  /// system lacks (`EMFILE`, `ENFILE`, `ENOMEM`).
  package static func accept(_ listener: Int32) throws(Errno) -> Accepted? {
    var form = clinux_address()
    while true {
      let result = clinux_accept(listener, &form)
      if result >= 0 {
        return Accepted(socket: OwnedDescriptor(adopting: result), peer: SocketAddress(form))
      }
      switch systemError(result) {
      case .wouldBlock: return nil
      case .connectionAbort, .protocolError, .notPermitted, .networkDown, .hostIsDown,
        .noRouteToHost, .networkUnreachable:
        continue
      case let errno: throw errno
      }
    }
  }

  /// Whether a connection waits to be accepted.
  package static func hasConnection(_ listener: Int32) -> Bool { clinux_is_readable(listener) > 0 }

  /// An accepted connection.
  package struct Accepted: ~Copyable {
    /// The connection.
    package let socket: OwnedDescriptor
    /// The address of its other end.
    package let peer: SocketAddress

    /// Takes the connection out.
    package consuming func take() -> OwnedDescriptor { socket }
  }

  /// Begins a TCP connection, from the address `source` if given.
  ///
  /// It is made when the socket becomes writable and `pendingError` is `nil`.
  package static func connectTCP(
    _ address: IPAddress, port: UInt16, from source: IPAddress? = nil
  ) throws(Errno) -> OwnedDescriptor {
    var form = try kernelForm(.ip(address, port: port))
    let socket = OwnedDescriptor(adopting: try checked(clinux_socket_stream(&form)))
    if let source {
      var local = try kernelForm(.ip(source, port: 0))
      try checked(clinux_bind(socket.raw, &local))
    }
    let result = clinux_connect(socket.raw, &form)
    if result != -Errno.nowInProgress.rawValue { try checked(result) }
    return socket
  }

  /// Connects to a Unix stream socket; throws `EAGAIN` when its queue is full.
  package static func connectUnix(_ path: String) throws(Errno) -> OwnedDescriptor {
    var form = try kernelForm(.path(path))
    let socket = OwnedDescriptor(adopting: try checked(clinux_socket_stream(&form)))
    try checked(clinux_connect(socket.raw, &form))
    return socket
  }

  /// A datagram socket connected to a Unix datagram socket, as the system's logger has one.
  package static func connectDatagrams(_ path: String) throws(Errno) -> OwnedDescriptor {
    var form = try kernelForm(.path(path))
    let socket = OwnedDescriptor(adopting: try checked(clinux_socket_datagram(&form)))
    try checked(clinux_connect(socket.raw, &form))
    return socket
  }

  /// A Unix datagram socket at `path`, for its owner alone to send to.
  package static func bindDatagrams(_ path: String) throws(Errno) -> OwnedDescriptor {
    var form = try kernelForm(.path(path))
    let socket = OwnedDescriptor(adopting: try checked(clinux_socket_datagram(&form)))
    let umask = clinux_umask(0o177)
    let bound = clinux_bind(socket.raw, &form)
    _ = clinux_umask(umask)
    try checked(bound)
    return socket
  }

  /// Two connected Unix sockets; each end is taken out once.
  package struct Pair: ~Copyable {
    private var first: OwnedDescriptor?
    private var second: OwnedDescriptor?

    init(_ first: consuming OwnedDescriptor, _ second: consuming OwnedDescriptor) {
      self.first = consume first
      self.second = consume second
    }

    /// Takes one end out.
    package mutating func takeFirst() -> OwnedDescriptor { first.take()! }
    /// Takes the other end out.
    package mutating func takeSecond() -> OwnedDescriptor { second.take()! }
  }

  /// Two connected `SOCK_SEQPACKET` sockets, for packets with descriptors.
  package static func packetPair() throws(Errno) -> Pair { try pair(packets: true) }

  /// Two connected stream sockets.
  package static func streamPair() throws(Errno) -> Pair { try pair(packets: false) }

  private static func pair(packets: Bool) throws(Errno) -> Pair {
    var first: Int32 = -1
    var second: Int32 = -1
    try checked(clinux_socket_pair(packets, &first, &second))
    return Pair(OwnedDescriptor(adopting: first), OwnedDescriptor(adopting: second))
  }

  private static func kernelForm(_ address: SocketAddress) throws(Errno) -> clinux_address {
    guard let form = address.kernelForm else { throw Errno.fileNameTooLong }
    return form
  }
}
