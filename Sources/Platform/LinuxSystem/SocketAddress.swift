import CLinux
package import Primitives

/// Where a socket is bound or connected.
package enum SocketAddress: Hashable, Sendable {
  /// An IP address and a port.
  case ip(IPAddress, port: UInt16)
  /// The path of a Unix socket; empty for an unnamed one. A name that begins with `@` is not in
  /// the file system (an abstract socket).
  case path(String)

  /// The IP address, if it is one.
  package var ipAddress: IPAddress? {
    if case .ip(let address, _) = self { address } else { nil }
  }

  /// The port, if there is one.
  package var port: UInt16? {
    if case .ip(_, let port) = self { port } else { nil }
  }

  /// The kernel's form; `nil` when a path is too long for it (107 bytes).
  var kernelForm: clinux_address? {
    var form = clinux_address()
    switch self {
    case .ip(let address, let port):
      if address.family == .v4 {
        clinux_address_v4(&form, address.v4Bits, port)
      } else {
        clinux_address_v6(&form, address.high, address.low, port)
      }
    case .path(let path):
      guard clinux_address_path(&form, path) else { return nil }
    }
    return form
  }

  /// Reads the kernel's form; addresses of other families become an unnamed path.
  init(_ form: clinux_address) {
    self = withUnsafePointer(to: form) { form in
      switch clinux_address_kind(form) {
      case 4:
        .ip(IPAddress(v4: clinux_address_bits(form)), port: clinux_address_port(form))
      case 6:
        .ip(Self.v6(form), port: clinux_address_port(form))
      case 1:
        .path(String(cString: clinux_address_path_text(form)))
      default:
        .path("")
      }
    }
  }

  private static func v6(_ form: UnsafePointer<clinux_address>) -> IPAddress {
    var high: UInt64 = 0
    var low: UInt64 = 0
    clinux_address_halves(form, &high, &low)
    return IPAddress(v6High: high, v6Low: low)
  }
}

extension SocketAddress: CustomStringConvertible {
  /// `address:port`, `[v6]:port` or the path.
  package var description: String {
    switch self {
    case .ip(let address, let port):
      address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    case .path(let path): path
    }
  }
}
