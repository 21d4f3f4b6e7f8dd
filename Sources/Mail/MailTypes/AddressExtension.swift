import Primitives

extension MailAddress {
  /// The address without its extension: `user@domain` for `user+extension@domain`; `nil` when it
  /// has none.
  ///
  /// `delimiters` is `recipient_delimiter`, any character of which parts user and extension. The
  /// names of the mail system have no extension, nor have `owner-list` and `list-request` where
  /// the delimiter is `-` (`owner_request_special`).
  package func withoutExtension(
    delimiters: String, ownerRequestSpecial: Bool = true
  ) -> MailAddress? {
    let local = localPart
    guard !delimiters.isEmpty, !Self.isReserved(local) else { return nil }
    if ownerRequestSpecial, delimiters.utf8.contains(UInt8(ascii: "-")) {
      if ASCII.equalFolded(local.prefix(6), "owner-".utf8) { return nil }
      if ASCII.equalFolded(local.suffix(8), "-request".utf8) { return nil }
    }
    guard let cut = local.firstIndex(where: { delimiters.utf8.contains($0) }), cut > 0 else {
      return nil
    }
    return MailAddress(Array(bytes[..<cut]) + bytes[(atIndex ?? bytes.count)...])
  }

  private static func isReserved(_ local: ArraySlice<UInt8>) -> Bool {
    ["mailer-daemon", "postmaster", "double-bounce"].contains { ASCII.equalFolded(local, $0.utf8) }
  }
}
