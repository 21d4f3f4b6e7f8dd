import MailTypes

/// A destination as tables of policies and passwords are asked for it.
struct AskedDestination: Sendable {
  /// The first next-hop, as it stands in the route; the path of a socket of this machine.
  let nextHop: String
  /// The host without brackets and port. A socket's is this host.
  let host: String
  /// Whether it is a socket of this machine, on which nobody listens in.
  let isSocket: Bool

  /// - Parameters:
  ///   - route: the next-hops, parted by commas or white space; `nil` where there is none.
  ///   - myhostname: the name of this host.
  init?(firstIn route: String, myhostname: String) {
    guard let first = NextHop.key(ofFirstIn: route) else { return nil }
    isSocket = first.hasPrefix("unix:")
    nextHop = isSocket ? String(first.dropFirst(5)) : first
    host = isSocket ? myhostname : NextHop(first)?.name ?? first
  }
}
