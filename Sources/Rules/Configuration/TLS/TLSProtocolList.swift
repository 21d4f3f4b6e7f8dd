import Primitives

/// The versions of TLS that a parameter such as `smtpd_tls_protocols` allows.
///
/// Words are parted by white space, commas or colons. `>=TLSv1.2` and `<=0304` set the bounds, as
/// a name or a hexadecimal number; `!SSLv3` excludes a version; a version alone excludes those
/// that are not named.
package struct TLSProtocolList: Hashable, Sendable {
  /// The lowest version, such as 0x0301 for TLS 1.0; 0 for no bound.
  package private(set) var lowest: UInt16 = 0
  /// The highest version; 0 for no bound.
  package private(set) var highest: UInt16 = 0
  /// Versions that are not to be spoken.
  package private(set) var excluded: Set<UInt16> = []

  /// Known by its name, so that old files are understood; nothing speaks it any more.
  private static let ssl2: UInt16 = 0x0002

  private static let versions: [(name: String, number: UInt16)] = [
    ("sslv2", ssl2), ("sslv3", 0x0300), ("tlsv1", 0x0301), ("tlsv1.1", 0x0302),
    ("tlsv1.2", 0x0303), ("tlsv1.3", 0x0304),
  ]

  /// No bounds.
  init() {}

  /// Reads a list; `nil` when a word of it is not understood.
  package init?(_ text: String) {
    var included: Set<UInt16> = []
    for word in text.split(whereSeparator: { $0 == "," || $0 == ":" || $0.isWhitespace }) {
      if word.hasPrefix(">=") {
        guard let bound = Self.bound(word.dropFirst(2)) else { return nil }
        lowest = bound
      } else if word.hasPrefix("<=") {
        guard let bound = Self.bound(word.dropFirst(2)) else { return nil }
        highest = bound
      } else if word.hasPrefix("!") {
        guard let version = Self.version(word.dropFirst()) else { return nil }
        excluded.insert(version)
      } else {
        guard let version = Self.version(word) else { return nil }
        included.insert(version)
      }
    }
    included.remove(Self.ssl2)
    if !included.isEmpty {
      excluded.formUnion(Self.versions.map(\.number).filter { !included.contains($0) })
    }
    excluded.remove(Self.ssl2)
  }

  private static func version(_ word: Substring) -> UInt16? {
    let name = word.lowercased()
    return versions.first { $0.name == name }?.number
  }

  private static func bound(_ word: Substring) -> UInt16? {
    if let version = version(word) { return version }
    let digits = word.hasPrefix("0x") || word.hasPrefix("0X") ? word.dropFirst(2) : word
    guard !digits.isEmpty, digits.utf8.count <= 4, !digits.hasPrefix("+") else { return nil }
    return UInt16(digits, radix: 16)
  }
}
