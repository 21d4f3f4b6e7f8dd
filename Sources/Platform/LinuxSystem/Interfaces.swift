import CLinux
import Glibc
package import Primitives
package import SystemPackage

/// The network interfaces of the host.
package enum Interfaces {
  /// An address that an interface has.
  package struct Address: Hashable, Sendable {
    /// The address.
    package let address: IPAddress
    /// Bits of the network's prefix.
    package let prefixLength: Int
  }

  /// The addresses of all interfaces that are up.
  package static func addresses() throws(Errno) -> [Address] {
    var head: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&head) == 0 else { throw Errno(rawValue: errno) }
    defer { freeifaddrs(head) }
    var found: [Address] = []
    var next = head
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard entry.ifa_flags & UInt32(IFF_UP) != 0, let address = entry.ifa_addr,
        let ip = ipAddress(address)
      else { continue }
      let mask = entry.ifa_netmask.flatMap(ipAddress)
      let bits = mask.map { $0.high.nonzeroBitCount + $0.low.nonzeroBitCount } ?? ip.width
      found.append(Address(address: ip, prefixLength: bits))
    }
    return found
  }

  private static func ipAddress(_ address: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
    let raw = UnsafeRawPointer(address)
    switch Int32(address.pointee.sa_family) {
    case AF_INET:
      let bits = raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
      return IPAddress(v4: UInt32(bigEndian: bits))
    case AF_INET6:
      let high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      let low = raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
      return IPAddress(v6High: UInt64(bigEndian: high), v6Low: UInt64(bigEndian: low))
    default: return nil
    }
  }
}
