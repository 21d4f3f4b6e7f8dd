import Primitives

/// What a message's header block says that its transport needs to know.
///
/// It is read from wire form: CRLF line ends, dot-stuffed. All ranges are offsets in what was
/// given to the scan.
package struct HeaderScan: Equatable, Sendable {
  /// Which fields are there.
  package struct Fields: OptionSet, Sendable {
    /// The bits.
    package let rawValue: UInt16
    /// Wraps the bits.
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    /// `Date:`.
    package static let date = Fields(rawValue: 1)
    /// `From:`.
    package static let from = Fields(rawValue: 2)
    /// `Message-ID:`.
    package static let messageID = Fields(rawValue: 4)
    /// `To:`, `Cc:` or `Bcc:`.
    package static let destination = Fields(rawValue: 8)
    /// Any `Resent-…:` field.
    package static let resent = Fields(rawValue: 16)
    /// `Resent-Date:`.
    package static let resentDate = Fields(rawValue: 32)
    /// `Resent-From:`.
    package static let resentFrom = Fields(rawValue: 64)
    /// `Resent-Message-ID:`.
    package static let resentMessageID = Fields(rawValue: 128)
  }

  /// Where the header fields end: behind the CRLF of the last one.
  package private(set) var headerEnd = 0
  /// Whether an empty line follows them. Where a body line follows at once, one must be put
  /// between when fields are added.
  package private(set) var endsWithEmptyLine = false
  /// Whether the header may go on behind what was given: no line was seen that ends it.
  package private(set) var isUndecided = false
  /// Up to where nothing that follows can change what was found: a field is whole once a line
  /// has begun behind it that does not belong to it.
  package private(set) var decidedEnd = 0
  /// How many `Received:` fields there are, for `hopcount_limit`.
  package private(set) var receivedCount = 0
  /// The fields that were found.
  package private(set) var fields: Fields = []
  /// The value of the first `Message-ID:`, without white space around it; it may be folded.
  package private(set) var messageID: Range<Int>?
  /// The value of the first `Resent-Message-ID:`, likewise.
  package private(set) var resentMessageID: Range<Int>?

  /// Scans from the start of a message up to the first line that is not part of its header.
  package init(_ bytes: UnsafeRawBufferPointer) {
    var at = 0
    while at < bytes.count {
      decidedEnd = at
      if bytes[at] == ASCII.cr, at + 1 < bytes.count, bytes[at + 1] == ASCII.lf {
        endsWithEmptyLine = true
        return
      }
      let colon: Int
      switch Self.fieldName(bytes, at) {
      case .field(let found): colon = found
      case .none: return
      case .cutOff:
        isUndecided = true
        return
      }
      let end = Self.endOfField(bytes, from: colon + 1)
      note(bytes, name: at..<Self.withoutSpace(bytes, at..<colon), value: colon + 1..<end)
      at = end
      headerEnd = at
    }
    isUndecided = true
  }

  /// What stands at the start of a line.
  enum LineStart {
    /// The name of a field; where its colon stands.
    case field(colon: Int)
    /// No field.
    case none
    /// It ends before one can tell.
    case cutOff
  }

  /// Looks for the name of a field that begins at `start` (RFC 5322 2.2; white space before the
  /// colon is let through).
  static func fieldName(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> LineStart {
    let space = ASCII.space
    var at = start
    while at < bytes.count, bytes[at] > space, bytes[at] < 0x7f,
      bytes[at] != UInt8(ascii: ":")
    {
      at += 1
    }
    guard at > start else { return .none }
    while at < bytes.count, bytes[at] == ASCII.space || bytes[at] == ASCII.tab { at += 1 }
    guard at < bytes.count else { return .cutOff }
    return bytes[at] == UInt8(ascii: ":") ? .field(colon: at) : .none
  }

  static func withoutSpace(_ bytes: UnsafeRawBufferPointer, _ name: Range<Int>) -> Int {
    var end = name.upperBound
    while bytes[end - 1] == ASCII.space || bytes[end - 1] == ASCII.tab { end -= 1 }
    return end
  }

  /// Goes over a field's lines: those that begin with white space belong to it.
  private static func endOfField(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    let (lf, space, tab) = (ASCII.lf, ASCII.space, ASCII.tab)
    var at = start
    repeat {
      while at < bytes.count, bytes[at] != lf { at += 1 }
      at = min(at + 1, bytes.count)
    } while at < bytes.count && (bytes[at] == space || bytes[at] == tab)
    return at
  }

  private mutating func note(
    _ bytes: UnsafeRawBufferPointer, name: Range<Int>, value: Range<Int>
  ) {
    let text = UnsafeRawBufferPointer(rebasing: bytes[name])
    func named(_ pattern: StaticString) -> Bool { ASCII.equalFolded(text, pattern) }
    switch (name.count, ASCII.lowercased(bytes[name.lowerBound])) {
    case (8, UInt8(ascii: "r")) where named("received"):
      receivedCount += 1
    case (4, UInt8(ascii: "d")) where named("date"): fields.insert(.date)
    case (4, UInt8(ascii: "f")) where named("from"): fields.insert(.from)
    case (2, UInt8(ascii: "t")) where named("to"),
      (2, UInt8(ascii: "c")) where named("cc"),
      (3, UInt8(ascii: "b")) where named("bcc"):
      fields.insert(.destination)
    case (10, UInt8(ascii: "m")) where named("message-id"):
      fields.insert(.messageID)
      if messageID == nil { messageID = Self.trimmed(bytes, value) }
    case (8..., UInt8(ascii: "r"))
    where ASCII.equalFolded(UnsafeRawBufferPointer(rebasing: text[..<7]), "resent-"):
      fields.insert(.resent)
      if named("resent-date") { fields.insert(.resentDate) }
      if named("resent-from") { fields.insert(.resentFrom) }
      if named("resent-message-id") {
        fields.insert(.resentMessageID)
        if resentMessageID == nil { resentMessageID = Self.trimmed(bytes, value) }
      }
    default: break
    }
  }

  private static func trimmed(
    _ bytes: UnsafeRawBufferPointer, _ value: Range<Int>
  ) -> Range<Int> {
    var (start, end) = (value.lowerBound, value.upperBound)
    while start < end, bytes[start] <= ASCII.space { start += 1 }
    while end > start, bytes[end - 1] <= ASCII.space { end -= 1 }
    return start..<end
  }
}
