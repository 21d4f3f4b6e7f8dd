package import MailTypes
import Primitives
import SMTPGrammar

/// Whose mailbox an address of this host means.
package struct LocalRecipient: Hashable, Sendable {
  /// The account's name: the local part without quotes, in lower case, without the extension.
  package let user: String
  /// What stood behind the delimiter; `nil` without one.
  package let `extension`: String?

  /// Takes an address apart. Any byte of `delimiters` (`recipient_delimiter`) parts user and
  /// extension, unless it is the first one; `owner-list` and `list-request` keep a hyphen.
  package init(_ address: MailAddress, delimiters: [UInt8]) {
    let local = LocalPart.meaning(of: address.localPart).map(ASCII.lowercased)
    if let split = Self.split(local, delimiters) {
      user = String(decoding: local[..<split], as: UTF8.self)
      self.extension = String(decoding: local[(split + 1)...], as: UTF8.self)
    } else {
      user = String(decoding: local, as: UTF8.self)
      self.extension = nil
    }
  }

  private static func split(_ local: [UInt8], _ delimiters: [UInt8]) -> Int? {
    let whole = ["postmaster", "mailer-daemon", "double-bounce"]
    if whole.contains(where: { local.elementsEqual($0.utf8) }) { return nil }
    guard let at = local.firstIndex(where: { delimiters.contains($0) }), at > 0 else { return nil }
    if local[at] == UInt8(ascii: "-") {
      if local.starts(with: "owner-".utf8) || local.suffix(8).elementsEqual("-request".utf8) {
        return nil
      }
    }
    return at
  }
}
