package import Primitives

/// Where mail for a destination is sent: one next-hop of a route, as Postfix writes them.
package struct NextHop: Hashable, Sendable {
  /// How the hosts of a next-hop are found.
  package enum Host: Hashable, Sendable {
    /// `domain`: by its mail exchangers (RFC 5321 5.1).
    case domain(String)
    /// `[host]`: by the host's own addresses, without looking for mail exchangers.
    case host(String)
    /// `[192.0.2.1]` or `[2001:db8::1]`: this address.
    case address(IPAddress)
    /// `unix:path`: a socket of this machine.
    case unix(path: String)
  }

  /// The host part.
  package let host: Host
  /// The TCP port; 0 for a UNIX socket.
  package let port: UInt16

  /// Makes a next-hop from its parts.
  package init(_ host: Host, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Parses `domain`, `domain:port`, `[host]`, `[host]:port`, `[address]:port`, `inet:` before any
  /// of these, or `unix:path`; a port may be a service name. `nil` when it is none of them.
  ///
  /// Where no mail exchangers are looked for, as in LMTP (`namesHosts`), an IPv4 address needs no
  /// brackets.
  package init?(
    _ text: some StringProtocol, defaultPort: UInt16 = 25, namesHosts: Bool = false
  ) {
    if text.hasPrefix("unix:") {
      let path = text.dropFirst(5)
      guard !path.isEmpty else { return nil }
      self.init(.unix(path: String(path)), port: 0)
      return
    }
    let inet = text.hasPrefix("inet:") ? text.dropFirst(5) : text.dropFirst(0)
    if inet.first == "[" {
      guard let end = inet.firstIndex(of: "]") else { return nil }
      let inside = inet[inet.index(after: inet.startIndex)..<end]
      guard let port = Self.port(of: inet[inet.index(after: end)...], default: defaultPort),
        let host = Self.bracketed(inside)
      else { return nil }
      self.init(host, port: port)
      return
    }
    let colon = inet.firstIndex(of: ":") ?? inet.endIndex
    let name = inet[..<colon]
    guard let port = Self.port(of: inet[colon...], default: defaultPort) else { return nil }
    if namesHosts, let address = IPAddress(name) {
      self.init(.address(address), port: port)
      return
    }
    guard HostSyntax.isHostname(name.utf8) else { return nil }
    self.init(.domain(name.lowercased()), port: port)
  }

  /// Parses a list of next-hops parted by commas or white space, tried in this order; `nil` when
  /// one of them is none, or the list is empty.
  package static func list(
    _ text: String, defaultPort: UInt16 = 25, namesHosts: Bool = false
  ) -> [NextHop]? {
    var hops: [NextHop] = []
    for part in parts(of: text) {
      guard let hop = NextHop(part, defaultPort: defaultPort, namesHosts: namesHosts) else {
        return nil
      }
      hops.append(hop)
    }
    return hops.isEmpty ? nil : hops
  }

  /// The first next-hop of a list in the form that tables are asked for it: as it stands there, but
  /// for `inet:`; `nil` when the list is empty.
  package static func key(ofFirstIn list: String) -> String? {
    guard let first = parts(of: list).first else { return nil }
    return String(first.hasPrefix("inet:") ? first.dropFirst(5) : first)
  }

  private static func parts(of list: String) -> [Substring] {
    list.split { $0 == "," || $0.isWhitespace }
  }

  private static func bracketed(_ inside: some StringProtocol) -> Host? {
    if let address = IPAddress(inside) { return .address(address) }
    let tagged = "[\(inside)]"
    if let address = HostSyntax.address(ofLiteral: tagged.utf8) { return .address(address) }
    guard HostSyntax.isHostname(inside.utf8) else { return nil }
    return .host(inside.lowercased())
  }

  private static func port(of text: some StringProtocol, default port: UInt16) -> UInt16? {
    if text.isEmpty { return port }
    guard text.first == ":" else { return nil }
    return Self.port(named: text.dropFirst())
  }

  /// A TCP port by its number or the name of a mail service; `nil` for others.
  package static func port(named name: some StringProtocol) -> UInt16? {
    if let number = UInt16(name), name.utf8.allSatisfy(ASCII.isDigit) {
      return number == 0 ? nil : number
    }
    return services[String(name)]
  }

  private static let services: [String: UInt16] = [
    "smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "lmtp": 24,
  ]
}

extension NextHop: CustomStringConvertible {
  /// The next-hop in the form that `init(_:defaultPort:)` reads.
  package var description: String {
    switch host {
    case .domain(let name): "\(name):\(port)"
    case .host(let name): "[\(name)]:\(port)"
    case .address(let address): "[\(address)]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
