package import LookupTables
package import MailTypes
import Primitives

/// Turns an address into the addresses that it stands for (`virtual_alias_maps`).
package struct AliasExpansion: Sendable {
  /// What keeps tables that go in circles or explode in bounds.
  package struct Limits: Sendable {
    /// `virtual_alias_expansion_limit`: addresses that one may stand for.
    package var expansion = 1000
    /// `virtual_alias_recursion_limit`: aliases of aliases.
    package var recursion = 1000
    /// `virtual_alias_address_length_limit` in bytes.
    package var addressLength = 1000

    /// Postfix's defaults.
    package init() {}
  }

  private let map: String
  private let search: AddressSearch
  private let resolver: AddressResolver
  private let keepsExtension: Bool
  private let limits: Limits

  /// - Parameters:
  ///   - map: the parameter that names the tables, for messages.
  ///   - search: searches them.
  ///   - resolver: completes the addresses that they answer with.
  ///   - keepsExtension: whether `propagate_unmatched_extensions` names the kind of table.
  package init(
    _ map: String, _ search: AddressSearch, resolver: AddressResolver, keepsExtension: Bool,
    limits: Limits = Limits()
  ) {
    self.map = map
    self.search = search
    self.resolver = resolver
    self.keepsExtension = keepsExtension
    self.limits = limits
  }

  /// Whether there are no tables.
  package var isEmpty: Bool { search.isEmpty }

  /// Whether the tables know an address.
  package func knows(_ address: MailAddress) async throws(LookupError) -> Bool {
    try await search.find(address) != nil
  }

  /// What an address stands for in the end: itself when no table knows it.
  ///
  /// An address that stands for itself among others is one of the results, and expanded no more.
  ///
  /// - Parameter memory: is asked before results are kept.
  package func expand(
    _ address: MailAddress, in memory: ExpansionMemory = ExpansionMemory()
  ) async throws(RewriteError) -> [MailAddress] {
    var found = [address]
    var settled: Set<[UInt8]> = []
    var place = 0
    while place < found.count {
      var depth = 0
      while !settled.contains(Self.folded(found[place])) {
        guard depth < limits.recursion else {
          throw .nestedTooDeeply(map: map, address: address)
        }
        depth += 1
        guard let results = try await results(for: found[place]) else { break }
        try memory.take(for: results, of: address)
        let key = Self.folded(found[place])
        found[place] = results[0]
        found += results.dropFirst()
        if results.contains(where: { Self.folded($0) == key }) { settled.insert(key) }
        guard found.count <= limits.expansion else {
          throw .expansionTooLarge(map: map, address: address)
        }
      }
      place += 1
    }
    return found
  }

  /// What a table says about an address, completed; `nil` when none knows it.
  private func results(for address: MailAddress) async throws(RewriteError) -> [MailAddress]? {
    if address.isNull { return nil }
    let match: AddressSearch.Match?
    do throws(LookupError) {
      match = try await search.find(address)
    } catch {
      throw .lookupFailed(map: map, address: address, error)
    }
    guard let match else { return nil }
    // `@domain` moves a user to another domain.
    let isDomain = match.value.first == UInt8(ascii: "@")
    let text = isDomain ? address.localPart + match.value : match.value[...]
    let results = AddressList(text).addresses.map { result in
      let completed = resolver.completed(MailAddress(result))
      return keepsExtension && !match.unmatched.isEmpty
        ? completed.extended(by: match.unmatched) : completed
    }
    if results.isEmpty { throw .notAnAddress(map: map, address: address, value: match.value) }
    if let long = results.first(where: { $0.bytes.count > limits.addressLength }) {
      throw .resultTooLong(map: map, value: long.bytes)
    }
    return results
  }

  private static func folded(_ address: MailAddress) -> [UInt8] {
    address.bytes.map(ASCII.lowercased)
  }
}

extension MailAddress {
  /// The address with a delimiter and an extension behind its local part.
  func extended(by unmatched: [UInt8]) -> MailAddress {
    if isNull { return self }
    var text: [UInt8] = []
    LocalPart.append(LocalPart.meaning(of: localPart) + LocalPart.meaning(of: unmatched), to: &text)
    return MailAddress(text + bytes[(atIndex ?? bytes.count)...])
  }
}
