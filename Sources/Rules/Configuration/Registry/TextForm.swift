import MailTypes
import Primitives

/// What a text must look like beyond its type, where a slip would not show before mail goes astray.
package enum TextForm: Sendable {
  /// A host name (RFC 1123 2.1).
  case hostname
  /// Next-hops such as `[mail.example.com]:587`, parted by commas or white space.
  case nextHops
  /// A TCP port by its number or the name of a mail service.
  case port
  /// A path from the root: who reads it may stand in any folder.
  case absolutePath
  /// A domain, or the path of a file that holds one.
  case originDomain
  /// An IPv4 address.
  case ipv4Address
  /// An IPv6 address.
  case ipv6Address

  func accepts(_ text: String) -> Bool {
    switch self {
    case .hostname:
      // The kernel's name of a container may be digits alone.
      HostSyntax.isHostname(text.utf8) || text.utf8.allSatisfy(ASCII.isDigit)
    case .nextHops: NextHop.list(text) != nil
    case .port: NextHop.port(named: text) != nil
    case .absolutePath: text.hasPrefix("/")
    case .originDomain:
      text.hasPrefix("/") || HostSyntax.isHostname(text.utf8)
        || HostSyntax.address(ofLiteral: text.utf8) != nil
    case .ipv4Address: IPAddress(text)?.family == .v4
    case .ipv6Address: IPAddress(text)?.family == .v6
    }
  }

  var expectation: String {
    switch self {
    case .hostname: "a host name"
    case .nextHops: "next-hops such as example.com, [mail.example.com]:587 or [192.0.2.1]"
    case .port: "a port from 1 to 65535, or the name of a mail service such as smtp"
    case .absolutePath: "a path that starts with /"
    case .originDomain: "a domain, or the path of a file with one"
    case .ipv4Address: "an IPv4 address"
    case .ipv6Address: "an IPv6 address"
    }
  }
}
