import Primitives

/// `cidr:file`: networks with values; the first that holds an address counts (cidr_table(5)).
struct CIDRTable: SynchronousTable {
  let name: String
  var hasPatterns: Bool { true }
  private let rules: ConditionalRules<IPNetwork>

  init(_ name: String, _ argument: String, read: TableOpener.Reader) throws(LookupError) {
    self.name = name
    rules = try ConditionalRules(
      table: name, lines: try RuleText.lines(name, argument, read: read)
    ) { text throws(RuleError) in try Self.line(text) }
  }

  func findNow(_ key: [UInt8]) throws(LookupError) -> [UInt8]? {
    guard let address = IPAddress(String(decoding: key, as: UTF8.self))?.unmapped else {
      return nil
    }
    return rules.first { $0.contains(address) ? () : nil }?.value
  }

  private static func line(
    _ text: [UInt8]
  ) throws(RuleError) -> ConditionalRules<IPNetwork>.Line {
    var rest = text[...]
    let word = rest.prefix { !ASCII.isSpace($0) && $0 != UInt8(ascii: "!") }
    if ASCII.equalFolded(text, "endif".utf8) { return .end }
    let isCondition = ASCII.equalFolded(word, "if".utf8)
    if isCondition { rest = ASCII.trimmed(rest.dropFirst(2)) }
    var isNegated = false
    while rest.first == UInt8(ascii: "!") {
      isNegated.toggle()
      rest = ASCII.trimmed(rest.dropFirst())
    }
    let pattern = rest.prefix { !ASCII.isSpace($0) }
    let network = try network(String(decoding: pattern, as: UTF8.self))
    let value = ASCII.trimmed(rest[pattern.endIndex...])
    if !isCondition { return .rule(network, isNegated: isNegated, value: Array(value)) }
    guard value.isEmpty else { throw RuleError(reason: "text behind the condition") }
    return .condition(network, isNegated: isNegated)
  }

  /// A network with or without brackets: here an IPv6 address needs none.
  private static func network(_ text: String) throws(RuleError) -> IPNetwork {
    let isBare = text.contains(":") && !text.hasPrefix("[")
    let parts = text.split(separator: "/", maxSplits: 1)
    let spelled =
      isBare ? parts.count == 2 ? "[\(parts[0])]/\(parts[1])" : "[\(text)]" : text
    let network: IPNetwork?
    do throws(LookupError) {
      network = try NetworkPattern.network(spelled)
    } catch {
      throw RuleError(reason: "\(error)")
    }
    guard let network else { throw RuleError(reason: "\"\(text)\" is no network") }
    return network
  }
}
