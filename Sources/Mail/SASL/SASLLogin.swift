import Primitives

/// Who this host is to another server. Its text never tells the password.
package struct SASLLogin: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
  /// The longest name and password together, in bytes: an initial response with them is a line
  /// that every server must take (RFC 4954 4).
  package static let sizeMax = 8192

  /// The user's name.
  package let user: [UInt8]
  /// The password.
  package let password: [UInt8]

  /// Reads `user:password`; `nil` when the name is empty, or when both could not be sent: they have
  /// a zero byte (RFC 4616 2) or are too long.
  package init?(_ text: [UInt8]) {
    guard text.count <= Self.sizeMax, !text.contains(0) else { return nil }
    let user = text.prefix { $0 != UInt8(ascii: ":") }
    guard !user.isEmpty else { return nil }
    self.user = Array(user)
    password = Array(text.dropFirst(user.count + 1))
  }

  /// The same for every login.
  package var description: String { "a login" }

  /// Nothing.
  package var customMirror: Mirror { Mirror(self, children: []) }
}
