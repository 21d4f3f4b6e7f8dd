import MailTypes
import Primitives

extension Router {
  /// Looks an address up in `transport_maps`: user+extension@domain, user@domain, domain, its
  /// parents, `*`.
  func find(
    _ address: ResolvedAddress, in map: RoutingTables.Lookup
  ) async throws(RoutingError) -> String? {
    if let found = try await map(Self.folded(address.address)) { return found }
    if let bare = address.address.withoutExtension(delimiters: settings.recipientDelimiter),
      let found = try await map(Self.folded(bare))
    {
      return found
    }
    if let found = try await map(address.domain) { return found }
    if !address.domain.hasPrefix("[") {
      var rest = address.domain[...]
      while let dot = rest.firstIndex(of: ".") {
        let parent = rest[rest.index(after: dot)...]
        let key = settings.transportMapsMatchSubdomains ? parent : rest[dot...]
        if let found = try await map(String(key)) { return found }
        rest = parent
      }
    }
    return try await map("*")
  }

  private static func folded(_ address: MailAddress) -> String {
    String(decoding: address.bytes.map(ASCII.lowercased), as: UTF8.self)
  }
}
