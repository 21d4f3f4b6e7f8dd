package import Primitives

/// Whose sessions somebody wants to follow.
package struct TraceFilter: Hashable, Sendable {
  /// The clients.
  package let network: IPNetwork

  /// Follows the clients of a network.
  package init(_ network: IPNetwork) { self.network = network }

  /// Reads an address or `address/bits`, with or without brackets; `nil` for what is none.
  package init?(_ text: String) {
    let parts = text.filter { $0 != "[" && $0 != "]" }
      .split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = IPAddress(parts[0]),
      let length = parts.count == 1 ? address.width : Int(parts[1]),
      let network = IPNetwork(address, prefixLength: length)
    else { return nil }
    self.init(network)
  }

  func encode(into out: inout WireEncoder) {
    let address = network.address
    out.put(address.family == .v4)
    out.put(address.high)
    out.put(address.low)
    out.put(UInt8(network.prefixLength))
  }

  init(from input: inout WireDecoder) throws(WireError) {
    let isV4 = try input.bool()
    let high: UInt64 = try input.integer()
    let low: UInt64 = try input.integer()
    let address =
      isV4 ? IPAddress(v4: UInt32(high >> 32)) : IPAddress(v6High: high, v6Low: low)
    let length: UInt8 = try input.integer()
    guard let network = IPNetwork(address, prefixLength: Int(length)) else { throw .invalid }
    self.init(network)
  }
}
