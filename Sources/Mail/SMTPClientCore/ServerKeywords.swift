import Primitives

/// What a server offered in its reply to EHLO (RFC 5321 4.1.1.1).
struct ServerKeywords: OptionSet, Sendable {
  let rawValue: UInt8

  static let pipelining = ServerKeywords(rawValue: 1)
  static let size = ServerKeywords(rawValue: 2)
  static let eightBitMIME = ServerKeywords(rawValue: 4)
  static let dsn = ServerKeywords(rawValue: 8)
  static let enhancedStatusCodes = ServerKeywords(rawValue: 16)
  static let smtputf8 = ServerKeywords(rawValue: 32)
  static let startTLS = ServerKeywords(rawValue: 64)

  private static let names: [(String, ServerKeywords)] = [
    ("pipelining", .pipelining), ("size", .size), ("8bitmime", .eightBitMIME), ("dsn", .dsn),
    ("enhancedstatuscodes", .enhancedStatusCodes), ("smtputf8", .smtputf8),
    ("starttls", .startTLS),
  ]

  /// The words of a reply line behind its code.
  static func words(of line: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    line.dropFirst(4).split { $0 == ASCII.space || $0 == ASCII.tab }
  }

  /// Reads the lines behind the first; the second value is the limit of SIZE in bytes, 0 for none.
  static func parse(
    lines: some Sequence<ArraySlice<UInt8>>, discarded: Set<String>
  ) -> (ServerKeywords, Int) {
    var keywords: ServerKeywords = []
    var sizeLimit = 0
    for line in lines {
      let words = words(of: line)
      guard let first = words.first else { continue }
      let name = String(decoding: first.map(ASCII.lowercased), as: UTF8.self)
      guard !discarded.contains(name), let known = names.first(where: { $0.0 == name }) else {
        continue
      }
      keywords.insert(known.1)
      if known.1 == .size, words.count > 1 {
        sizeLimit =
          Int(String(decoding: words[1], as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil } ?? 0
      }
    }
    return (keywords, sizeLimit)
  }
}
