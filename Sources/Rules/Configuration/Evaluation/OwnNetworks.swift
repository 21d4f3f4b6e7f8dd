import Primitives

/// The default of `mynetworks`: the networks around the addresses that receive mail.
enum OwnNetworks {
  /// The list for a style, from the interfaces that `inet_interfaces` and `inet_protocols` name.
  static func text(
    style: String, listeningOn names: [String], protocols: [String], host: HostFacts
  ) throws(ConfigurationError) -> String {
    var networks: [String] = []
    for interface in own(names, protocols: protocols, host: host) {
      let length: Int
      switch style.lowercased() {
      case "host": length = interface.address.width
      case "subnet": length = interface.prefixLength
      case "class": length = classLength(interface)
      default: throw .expected("one of: class, subnet, host, found \"\(style)\" as the style")
      }
      let network = text(interface.address, length)
      if !networks.contains(network) { networks.append(network) }
    }
    return networks.joined(separator: " ")
  }

  private static func own(
    _ names: [String], protocols: [String], host: HostFacts
  ) -> [InterfaceAddress] {
    let protocols = protocols.map { $0.lowercased() }
    let allowed = host.interfaces.filter { interface in
      protocols.contains("all")
        || protocols.contains(interface.address.family == .v4 ? "ipv4" : "ipv6")
    }
    switch names.map({ $0.lowercased() }) {
    case ["all"]: return allowed
    case ["loopback-only"]: return allowed.filter(\.isLoopback)
    case let names:
      let addresses = names.compactMap { name in
        IPAddress(name.hasPrefix("[") ? String(name.dropFirst().dropLast()) : name)
      }
      let known = allowed.filter { addresses.contains($0.address) }
      let others = addresses.filter { address in !known.contains { $0.address == address } }
      return known + others.map { InterfaceAddress($0, prefixLength: $0.width) }
    }
  }

  /// The prefix of the address classes of RFC 791; IPv6 has none, so the interface's counts.
  private static func classLength(_ interface: InterfaceAddress) -> Int {
    guard interface.address.family == .v4 else { return interface.prefixLength }
    switch interface.address.v4Bits >> 28 {
    case 0..<8: return 8
    case 8..<12: return 16
    case 12..<14: return 24
    default: return 4
    }
  }

  private static func text(_ address: IPAddress, _ length: Int) -> String {
    let base: IPAddress
    if address.family == .v4 {
      base = IPAddress(v4: length == 0 ? 0 : address.v4Bits & (UInt32.max << UInt32(32 - length)))
      return "\(base)/\(length)"
    }
    let high =
      length >= 64 ? address.high : length == 0 ? 0 : address.high & (~0 << UInt64(64 - length))
    let low = length <= 64 ? 0 : address.low & (~0 << UInt64(128 - length))
    return "[\(IPAddress(v6High: high, v6Low: low))]/\(length)"
  }
}
