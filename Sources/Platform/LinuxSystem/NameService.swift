import CLinux
package import Primitives

/// What `/etc/services`, `/etc/hosts` and the other name services of the host know.
///
/// Every look-up may block for long: they are for commands and for the time before a reactor runs.
package enum NameService {
  /// Why a host name has no address; the text is for the administrator.
  package struct Failure: Error, CustomStringConvertible {
    /// What the resolver says.
    package let description: String
  }

  /// More addresses than any listener is meant to have.
  private static let addressesMax = 64

  /// The TCP port of a service, or `nil` when the name is unknown.
  package static func port(ofService name: String) -> UInt16? {
    let port = clinux_service_port(name)
    return port > 0 ? UInt16(port) : nil
  }

  /// The addresses of a host, each once, in the order of the resolver.
  package static func addresses(ofHost name: String) throws(Failure) -> [IPAddress] {
    var space = [clinux_address](repeating: clinux_address(), count: addressesMax)
    let count = clinux_host_addresses(name, &space, Int32(addressesMax))
    guard count >= 0 else {
      throw Failure(description: String(cString: clinux_host_error_text(count)))
    }
    var seen: Set<IPAddress> = []
    return space[..<Int(count)].compactMap { SocketAddress($0).ipAddress }
      .filter { seen.insert($0).inserted }
  }
}
