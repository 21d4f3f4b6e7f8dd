import CLinux
package import SystemPackage

/// Who holds the other end of a Unix socket, as the kernel knows it.
package struct PeerCredentials: Hashable, Sendable {
  /// The process that connected.
  package let pid: Int32
  /// Its effective user id.
  package let uid: UInt32
  /// Its effective group id.
  package let gid: UInt32
}

extension Sockets {
  /// The error of a connection attempt or a broken connection; `nil` when there is none.
  package static func pendingError(_ socket: Int32) throws(Errno) -> Errno? {
    var pending: Int32 = 0
    try checked(clinux_pending_error(socket, &pending))
    return pending == 0 ? nil : Errno(rawValue: pending)
  }

  /// The address that the socket is bound to.
  package static func localAddress(_ socket: Int32) throws(Errno) -> SocketAddress {
    var form = clinux_address()
    try checked(clinux_local_address(socket, &form))
    return SocketAddress(form)
  }

  /// The address that the socket is connected to.
  package static func peerAddress(_ socket: Int32) throws(Errno) -> SocketAddress {
    var form = clinux_address()
    try checked(clinux_peer_address(socket, &form))
    return SocketAddress(form)
  }

  /// Who connected, for Unix sockets (`SO_PEERCRED`).
  package static func peerCredentials(_ socket: Int32) throws(Errno) -> PeerCredentials {
    var found = clinux_credentials()
    try checked(clinux_peer_credentials(socket, &found))
    return PeerCredentials(pid: found.pid, uid: found.uid, gid: found.gid)
  }

  /// Takes up to `limit` bytes that wait to be read. What is wrong with the socket the next read
  /// will tell.
  package static func receiveWaiting(_ socket: Int32, limit: Int) -> [UInt8] {
    withUnsafeTemporaryAllocation(byteCount: limit, alignment: 1) { buffer in
      guard case .count(let count) = receive(socket, into: buffer) else { return [] }
      return Array(buffer.prefix(count))
    }
  }

  /// Sends small writes at once (`TCP_NODELAY`).
  package static func setNoDelay(_ socket: Int32, _ on: Bool) throws(Errno) {
    try checked(clinux_set_no_delay(socket, on))
  }

  /// Lets other sockets of the same user that want it too listen at an address that overlaps
  /// (`SO_REUSEPORT`).
  package static func setReusePort(_ socket: Int32, _ on: Bool) throws(Errno) {
    try checked(clinux_set_reuse_port(socket, on))
  }

  /// Holds partial segments back until it is turned off (`TCP_CORK`).
  package static func setCork(_ socket: Int32, _ on: Bool) throws(Errno) {
    try checked(clinux_set_cork(socket, on))
  }

  /// Probes a TCP connection that has been idle for so long (`SO_KEEPALIVE`), and ends it when
  /// nothing was acknowledged for `timeout` (`TCP_USER_TIMEOUT`). Idle time has whole seconds.
  package static func setKeepAlive(
    _ socket: Int32, idle: Duration, timeout: Duration
  ) throws(Errno) {
    let (idle, timeout) = (idle.components.seconds, timeout / .milliseconds(1))
    try checked(clinux_set_keep_alive(socket, CInt(max(idle, 1)), CUnsignedInt(timeout)))
  }

  /// Sets the kernel's buffers, in bytes; `nil` leaves one alone.
  package static func setBufferSizes(
    _ socket: Int32, sending: Int? = nil, receiving: Int? = nil
  ) throws(Errno) {
    try checked(clinux_set_buffers(socket, CInt(sending ?? 0), CInt(receiving ?? 0)))
  }

  /// Ends the directions given. A peer that has gone already is no error.
  package static func shutdown(
    _ socket: Int32, reading: Bool = false, writing: Bool = true
  ) throws(Errno) {
    precondition(reading || writing, "nothing to shut down")
    let result = clinux_shutdown(socket, reading, writing)
    if result != -Errno.socketNotConnected.rawValue { try checked(result) }
  }

  /// Whether a listening IPv6 socket takes IPv4 connections too; `EINVAL` when it does not listen.
  package static func listensToV4(_ socket: Int32) throws(Errno) -> Bool {
    try checked(clinux_listens_to_v4(socket)) == 1
  }

  /// Lets a descriptor live on in a program that this process executes.
  package static func setInheritable(_ descriptor: Int32, _ on: Bool) throws(Errno) {
    try checked(clinux_set_inheritable(descriptor, on))
  }
}
