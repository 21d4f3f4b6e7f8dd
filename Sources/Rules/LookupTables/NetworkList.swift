package import Primitives

/// A list of clients: `mynetworks` and its kin.
///
/// A pattern is an address, a network `address/bits` (IPv6 in brackets), a host name, a table
/// whose keys are addresses or names, or the path of a file with patterns; `!` before it means
/// that what matches is not in the list. The first pattern that matches decides.
package struct NetworkList: Sendable {
  private enum Pattern: Sendable {
    case network(IPNetwork)
    case name(DomainList)
    case table(any LookupTable)
  }

  private let patterns: [(pattern: Pattern, isNegated: Bool)]
  /// Whether `containsNow` may be used: no table has to be waited for.
  package let isSynchronous: Bool

  /// Reads the items of a list parameter; `style` says which names a host name stands for.
  ///
  /// Throws `.badPattern` for a network that is none, `.unknownType`, `.malformed` or
  /// `.unreadable`.
  package init(
    _ items: [String], style: DomainList.Style = .parents, opener: TableOpener
  ) throws(LookupError) {
    var patterns: [(pattern: Pattern, isNegated: Bool)] = []
    for item in try PatternText.resolved(items, opener: opener) {
      patterns.append((try Self.pattern(item.text, style, opener), item.isNegated))
    }
    self.patterns = patterns
    isSynchronous = patterns.allSatisfy { entry in
      guard case .table(let table) = entry.pattern else { return true }
      return table is any SynchronousTable
    }
  }

  /// Whether the list has no patterns.
  package var isEmpty: Bool { patterns.isEmpty }

  /// Whether a client is in the list, by its address or by its verified host name.
  ///
  /// Throws `.failed` when a table cannot answer now.
  package func contains(
    _ address: IPAddress, hostname: String? = nil
  ) async throws(LookupError) -> Bool {
    let address = address.unmapped
    for entry in patterns {
      switch entry.pattern {
      case .network(let network):
        if network.contains(address) { return !entry.isNegated }
      case .name(let list):
        if let hostname, try list.containsNow(hostname.utf8) { return !entry.isNegated }
      case .table(let table):
        if try await table.find(Array("\(address)".utf8)) != nil { return !entry.isNegated }
        if let hostname, try await table.find(Array(hostname.utf8)) != nil {
          return !entry.isNegated
        }
      }
    }
    return false
  }

  /// As `contains`, at once; only for a list that `isSynchronous`.
  package func containsNow(
    _ address: IPAddress, hostname: String? = nil
  ) throws(LookupError) -> Bool {
    let address = address.unmapped
    for entry in patterns {
      switch entry.pattern {
      case .network(let network):
        if network.contains(address) { return !entry.isNegated }
      case .name(let list):
        if let hostname, try list.containsNow(hostname.utf8) { return !entry.isNegated }
      case .table(let table):
        guard let table = table as? any SynchronousTable else {
          preconditionFailure("\(table.name) has to be waited for")
        }
        if try table.findNow(Array("\(address)".utf8)) != nil { return !entry.isNegated }
        if let hostname, try table.findNow(Array(hostname.utf8)) != nil {
          return !entry.isNegated
        }
      }
    }
    return false
  }

  private static func pattern(
    _ text: String, _ style: DomainList.Style, _ opener: TableOpener
  ) throws(LookupError) -> Pattern {
    if let network = try NetworkPattern.network(text) { return .network(network) }
    if TableOpener.isTable(text) { return .table(try opener.open(text)) }
    return .name(try DomainList([text], style: style, opener: opener))
  }
}

/// The text forms of addresses and networks.
package enum NetworkPattern {
  /// Reads `a.b.c.d`, `a.b.c.d/n`, `[v6]`, `[v6]/n` and `[v6/n]`; `nil` for what is no address.
  ///
  /// Networks of IPv4-mapped IPv6 addresses become IPv4 networks, since clients have the IPv4
  /// form. Throws `.badPattern` when it looks like an address and is none.
  package static func network(_ text: String) throws(LookupError) -> IPNetwork? {
    let isBracketed = text.hasPrefix("[")
    let bare = text.filter { $0 != "[" && $0 != "]" }
    let parts = bare.split(separator: "/", omittingEmptySubsequences: false)
    guard let address = IPAddress(parts[0]) else {
      let looksNumeric = parts[0].utf8.allSatisfy { ASCII.isDigit($0) || $0 == 46 }
      if isBracketed || parts.count > 1 && !TableOpener.isTable(text) || looksNumeric {
        throw .badPattern(text, reason: "expected address/bits or [IPv6 address]/bits")
      }
      return nil
    }
    guard isBracketed || address.family == .v4 else {
      throw .badPattern(text, reason: "an IPv6 address needs brackets")
    }
    guard isBracketed == (text.hasSuffix("]") || text.contains("]/")), parts.count <= 2,
      let length = parts.count == 1 ? address.width : Int(parts[1])
    else {
      throw .badPattern(text, reason: "expected address/bits or [IPv6 address]/bits")
    }
    guard let network = IPNetwork(address, prefixLength: length) else {
      throw .badPattern(
        text,
        reason: length > address.width || length < 0
          ? "the prefix is longer than the address" : "bits are set behind the prefix")
    }
    let mapped = address.unmapped
    guard mapped.family != address.family, length >= 96 else { return network }
    return IPNetwork(mapped, prefixLength: length - 96)
  }
}
