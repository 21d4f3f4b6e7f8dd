package import LookupTables
package import MailTypes

/// Why the recipients of a message cannot be told; the mail is to be tried again.
package enum RewriteError: Error, Equatable {
  /// A table did not answer.
  case lookupFailed(map: String, address: MailAddress, LookupError)
  /// A table answered with what is no address.
  case notAnAddress(map: String, address: MailAddress, value: [UInt8])
  /// An address stands for more addresses than `virtual_alias_expansion_limit` or
  /// `alias_expansion_limit`.
  case expansionTooLarge(map: String, address: MailAddress)
  /// Aliases of aliases are deeper than `virtual_alias_recursion_limit`, or files in files.
  case nestedTooDeeply(map: String, address: MailAddress)
  /// A result has more bytes than `virtual_alias_address_length_limit`.
  case resultTooLong(map: String, value: [UInt8])
  /// Whoever asked has no memory for more addresses.
  case noMemory(address: MailAddress)
}

extension RewriteError: CustomStringConvertible {
  /// The parameter of the aliases of local users.
  static let aliasMaps = "alias_maps"

  /// Whether a limit was reached: the tables are at fault, and answer.
  package var isUnreasonable: Bool {
    switch self {
    case .lookupFailed, .notAnAddress, .noMemory: false
    case .expansionTooLarge, .nestedTooDeeply, .resultTooLong: true
    }
  }

  /// What a table failed with.
  package var cause: LookupError? {
    guard case .lookupFailed(_, _, let cause) = self else { return nil }
    return cause
  }

  /// What happened, in Postfix's words.
  package var description: String {
    switch self {
    case .lookupFailed(let map, let address, _):
      "\(map) map lookup problem for \(Self.text(address))"
    case .notAnAddress(let map, let address, let value):
      "\(map) lookup of \(Self.text(address)) returns non-address result "
        + "\"\(String(decoding: value.prefix(300), as: UTF8.self))\""
    case .expansionTooLarge(let map, let address):
      "unreasonable \(map) map expansion size for \(Self.text(address))"
    case .nestedTooDeeply(let map, let address):
      "unreasonable \(map) map nesting for \(Self.text(address))"
    case .noMemory(let address):
      "no memory for those for whom \(Self.text(address)) stands: more body_memory_limit, or fewer "
        + "recipients to a message"
    case .resultTooLong(let map, let value):
      "unreasonable \(map) result \(String(decoding: value.prefix(300), as: UTF8.self))..."
    }
  }

  private static func text(_ address: MailAddress) -> String {
    String(decoding: address.unquoted, as: UTF8.self)
  }
}
