import Primitives

/// A list of domain patterns: `mydestination`, `relay_domains` and their kin.
///
/// A pattern is a name, a table whose keys are names, or the path of a file with patterns; `!`
/// before it means that what matches is not in the list. The first pattern that matches decides.
package struct DomainList: Sendable {
  /// Which names a pattern stands for.
  package enum Style: Sendable {
    /// Only the name itself (`mydestination`).
    case exact
    /// `domain` is the name itself, `.domain` the names below it.
    case dotted
    /// `domain` is the name and those below it: the list is in
    /// `parent_domain_matches_subdomains`.
    case parents
  }

  private enum Pattern: Sendable {
    case name([UInt8])
    case table(any LookupTable)
  }

  private let style: Style
  private let patterns: [(pattern: Pattern, isNegated: Bool)]
  /// The names of a list that is nothing but names, for one look-up instead of many.
  private let plainNames: Set<[UInt8]>?
  /// Whether `containsNow` may be used: no table has to be waited for.
  package let isSynchronous: Bool

  /// Reads the items of a list parameter.
  ///
  /// Throws `.unknownType`, `.malformed`, `.unreadable` or `.badPattern`.
  package init(_ items: [String], style: Style, opener: TableOpener) throws(LookupError) {
    var patterns: [(pattern: Pattern, isNegated: Bool)] = []
    for item in try PatternText.resolved(items, opener: opener) {
      let pattern: Pattern
      if TableOpener.isTable(item.text) {
        pattern = .table(try opener.open(item.text))
      } else {
        pattern = .name(item.text.utf8.map(ASCII.lowercased))
      }
      patterns.append((pattern, item.isNegated))
    }
    self.style = style
    self.patterns = patterns
    isSynchronous = patterns.allSatisfy { entry in
      guard case .table(let table) = entry.pattern else { return true }
      return table is any SynchronousTable
    }
    var names: Set<[UInt8]> = []
    for entry in patterns where !entry.isNegated {
      if case .name(let name) = entry.pattern { names.insert(name) }
    }
    let isPlain = patterns.allSatisfy { entry in
      guard case .name = entry.pattern else { return false }
      return !entry.isNegated
    }
    plainNames = isPlain ? names : nil
  }

  /// Whether the list has no patterns.
  package var isEmpty: Bool { patterns.isEmpty }

  /// Whether a domain is in the list, whatever the case of its letters.
  ///
  /// Throws `.failed` when a table cannot answer now.
  package func contains(_ domain: some Sequence<UInt8>) async throws(LookupError) -> Bool {
    let domain = domain.map(ASCII.lowercased)
    if let plainNames { return matches(domain, in: plainNames) }
    for entry in patterns {
      switch entry.pattern {
      case .name(let name):
        if matches(domain, name) { return !entry.isNegated }
      case .table(let table):
        for key in keys(of: domain) where try await table.find(key) != nil {
          return !entry.isNegated
        }
      }
    }
    return false
  }

  /// As `contains`, at once; only for a list that `isSynchronous`.
  package func containsNow(_ domain: some Sequence<UInt8>) throws(LookupError) -> Bool {
    let domain = domain.map(ASCII.lowercased)
    if let plainNames { return matches(domain, in: plainNames) }
    for entry in patterns {
      switch entry.pattern {
      case .name(let name):
        if matches(domain, name) { return !entry.isNegated }
      case .table(let table):
        guard let table = table as? any SynchronousTable else {
          preconditionFailure("\(table.name) has to be waited for")
        }
        for key in keys(of: domain) where try table.findNow(key) != nil {
          return !entry.isNegated
        }
      }
    }
    return false
  }

  private func matches(_ domain: [UInt8], _ name: [UInt8]) -> Bool {
    if domain == name { return true }
    guard style != .exact, domain.count > name.count, !name.isEmpty else { return false }
    let rest = domain.count - name.count
    guard domain[rest...] == name[...] else { return false }
    let isDotted = name[0] == UInt8(ascii: ".")
    return style == .dotted ? isDotted : domain[rest - 1] == UInt8(ascii: ".")
  }

  private func matches(_ domain: [UInt8], in names: Set<[UInt8]>) -> Bool {
    keys(of: domain).contains { names.contains($0) }
  }

  /// The keys under which tables and names may hold a domain: itself, then its parents.
  private func keys(of domain: [UInt8]) -> [[UInt8]] {
    var keys = [domain]
    var rest = domain[...]
    switch style {
    case .exact: break
    case .parents:
      while let dot = rest.firstIndex(of: UInt8(ascii: ".")) {
        rest = domain[(dot + 1)...]
        keys.append(Array(rest))
      }
    case .dotted:
      while let dot = rest.dropFirst().firstIndex(of: UInt8(ascii: ".")) {
        rest = domain[dot...]
        keys.append(Array(rest))
      }
    }
    return keys
  }
}
