package import Primitives

/// One address of a network interface.
package struct InterfaceAddress: Hashable, Sendable {
  /// The address.
  package let address: IPAddress
  /// Bits of the network's prefix.
  package let prefixLength: Int

  /// Makes an interface address; a prefix that is too long is cut to the address width.
  package init(_ address: IPAddress, prefixLength: Int) {
    self.address = address
    self.prefixLength = min(max(prefixLength, 0), address.width)
  }

  /// Whether the address reaches only this host.
  var isLoopback: Bool {
    address.family == .v4 ? address.v4Bits >> 24 == 127 : address.high == 0 && address.low == 1
  }
}

/// What the configuration needs to know about the host; found out by whoever loads it.
package struct HostFacts: Hashable, Sendable {
  /// The name of the host as the kernel gives it.
  package let hostname: String
  /// The addresses of all interfaces that are up.
  package let interfaces: [InterfaceAddress]

  /// Collects facts.
  package init(hostname: String, interfaces: [InterfaceAddress]) {
    self.hostname = hostname
    self.interfaces = interfaces
  }
}
