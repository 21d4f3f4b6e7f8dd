import Primitives

/// Keywords of the reply to EHLO that `smtpd_discard_ehlo_keywords` can hide.
package struct EHLOKeywords: OptionSet, Hashable, Sendable {
  /// The bits, in the order in which the keywords stand in the reply.
  package let rawValue: UInt16
  /// Wraps the bits.
  package init(rawValue: UInt16) { self.rawValue = rawValue }
  /// RFC 2920.
  package static let pipelining = EHLOKeywords(rawValue: 1)
  /// RFC 1870.
  package static let size = EHLOKeywords(rawValue: 2)
  /// RFC 5321 3.5.
  package static let vrfy = EHLOKeywords(rawValue: 4)
  /// RFC 1985.
  package static let etrn = EHLOKeywords(rawValue: 8)
  /// RFC 3207.
  package static let starttls = EHLOKeywords(rawValue: 0x10)
  /// RFC 4954.
  package static let auth = EHLOKeywords(rawValue: 0x20)
  /// RFC 2034.
  package static let enhancedStatusCodes = EHLOKeywords(rawValue: 0x100)
  /// RFC 6152.
  package static let eightBitMIME = EHLOKeywords(rawValue: 0x200)
  /// RFC 3461.
  package static let dsn = EHLOKeywords(rawValue: 0x400)
  /// RFC 6531.
  package static let smtputf8 = EHLOKeywords(rawValue: 0x800)
  /// RFC 3030.
  package static let chunking = EHLOKeywords(rawValue: 0x1000)
  /// No keyword: those that are hidden are not named in the log.
  package static let silently = EHLOKeywords(rawValue: 0x8000)

  static let named: [(EHLOKeywords, String)] = [
    (.pipelining, "PIPELINING"), (.size, "SIZE"), (.vrfy, "VRFY"), (.etrn, "ETRN"),
    (.starttls, "STARTTLS"), (.auth, "AUTH"), (.enhancedStatusCodes, "ENHANCEDSTATUSCODES"),
    (.eightBitMIME, "8BITMIME"), (.dsn, "DSN"),
    (.smtputf8, "SMTPUTF8"), (.chunking, "CHUNKING"),
  ]

  /// Reads words in any case; those that name nothing offered here hide nothing.
  package init(words: some Sequence<String>) {
    self = []
    for word in words {
      let upper = word.uppercased()
      if upper == "SILENT-DISCARD" { insert(.silently) }
      for (keyword, name) in Self.named where name == upper { insert(keyword) }
    }
  }

  /// The keywords, as the log names them.
  var names: String {
    Self.named.filter { contains($0.0) }.map(\.1).joined(separator: " ")
  }
}
