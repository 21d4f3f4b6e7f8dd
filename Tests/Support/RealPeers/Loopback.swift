import Glibc

/// Blocking TCP on 127.0.0.1 for tests.
package enum Loopback {
  /// A port that was free a moment ago.
  package static func freePort() throws(PeerError) -> UInt16 {
    let descriptor = try listen(port: 0, backlog: 1)
    defer { close(descriptor) }
    return try port(of: descriptor)
  }

  /// A listening socket; port 0 takes a free one.
  package static func listen(port: UInt16, backlog: Int32) throws(PeerError) -> Int32 {
    let descriptor = try makeSocket()
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
    var address = Self.address(port: port)
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0, Glibc.listen(descriptor, backlog) == 0 else {
      let error = systemErrorText()
      close(descriptor)
      throw .system(call: "listen on port \(port)", error: error)
    }
    return descriptor
  }

  /// The port that a socket is bound to.
  package static func port(of descriptor: Int32) throws(PeerError) -> UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard result == 0 else { throw .system(call: "getsockname", error: systemErrorText()) }
    return UInt16(bigEndian: address.sin_port)
  }

  /// A connected socket on which every read and write gives up after `timeout`. It comes from
  /// 127.0.0.`source` if that is given.
  package static func connect(
    port: UInt16, timeout: Duration, from source: UInt8? = nil
  ) throws(PeerError) -> Int32 {
    let descriptor = try makeSocket()
    limit(descriptor, timeout: timeout)
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, 4)
    if let source {
      var local = Self.address(port: 0, host: 0x7f00_0000 | UInt32(source))
      let bound = withUnsafePointer(to: &local) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard bound == 0 else {
        let error = systemErrorText()
        close(descriptor)
        throw .system(call: "bind to 127.0.0.\(source)", error: error)
      }
    }
    var address = Self.address(port: port)
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else {
      let error = systemErrorText()
      close(descriptor)
      throw .system(call: "connect to port \(port)", error: error)
    }
    // Where nobody listens, a socket that happens to get this very port connects to itself.
    if try Self.port(of: descriptor) == port {
      close(descriptor)
      throw .system(call: "connect to port \(port)", error: "nobody but this socket is there")
    }
    return descriptor
  }

  /// Whether somebody accepts connections at a socket of the file system.
  package static func accepts(path: String) -> Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let size = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < size else { return false }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    } == 0
  }

  /// Bounds the time of each read and write of a socket.
  package static func limit(_ descriptor: Int32, timeout: Duration) {
    let parts = timeout.components
    var time = timeval(
      tv_sec: Int(parts.seconds), tv_usec: Int(parts.attoseconds / 1_000_000_000_000))
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
  }

  private static func makeSocket() throws(PeerError) -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .system(call: "socket", error: systemErrorText()) }
    return descriptor
  }

  private static func address(port: UInt16, host: UInt32 = 0x7f00_0001) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = host.bigEndian
    return address
  }
}
