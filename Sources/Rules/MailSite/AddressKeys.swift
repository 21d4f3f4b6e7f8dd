import MailTypes
import Primitives

/// The keys under which tables of users hold an address, in the order in which they are asked.
struct AddressKeys {
  /// `user+ext@domain`.
  let whole: [UInt8]
  /// `user@domain`, with `bareUsers` the same without the domain, and `@domain`: what tables of
  /// patterns are not asked for.
  let parts: [[UInt8]]

  /// `nil` for an address without a domain.
  init?(_ address: MailAddress, delimiters: String, bareUsers: Bool) {
    whole = address.unquoted.map(ASCII.lowercased)
    guard let at = whole.lastIndex(of: UInt8(ascii: "@")) else { return nil }
    let domain = whole[at...]
    let user = Array(whole[..<at])
    let bare = MailAddress(user).withoutExtension(delimiters: delimiters)?.bytes
    var parts: [[UInt8]] = []
    if let bare { parts.append(bare + domain) }
    if bareUsers { parts.append(user) }
    if bareUsers, let bare { parts.append(bare) }
    parts.append(Array(domain))
    self.parts = parts
  }
}
