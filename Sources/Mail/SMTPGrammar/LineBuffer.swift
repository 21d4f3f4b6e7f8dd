import Primitives

/// Cuts what a client sends into command lines and keeps only what is not used yet.
///
/// Nothing is held while it is empty, so an idle session costs no buffer.
package struct LineBuffer: Sendable {
  /// How a line was found.
  package enum Line: Equatable, Sendable {
    /// It ended in CRLF.
    case complete
    /// It ended in LF without CR.
    case endedBare
    /// It was longer than the limit; what is given is its beginning, the rest was dropped.
    case tooLong
  }

  /// The most bytes of a line, without its end.
  package var lengthMax: Int
  private var bytes: [UInt8] = []
  private var start = 0
  /// Up to where no LF was found.
  private var searched = 0
  /// The rest of an over-long line is being dropped.
  private var skipping = false

  /// An empty buffer for lines of at most `lengthMax` bytes.
  package init(lengthMax: Int) {
    precondition(lengthMax > 0)
    self.lengthMax = lengthMax
  }

  /// Bytes held and not yet given out.
  package var count: Int { bytes.count - start }

  /// Whether nothing is held.
  package var isEmpty: Bool { count == 0 }

  /// Whether bytes of a line were received whose end is still missing.
  package var hasPartialLine: Bool { skipping || !isEmpty }

  /// Whether the end of a line is held, so that `takeLine` gives one.
  package var holdsLine: Bool {
    bytes.withUnsafeBytes { ByteSearch.firstLF(in: $0, from: max(start, searched)) } < bytes.count
  }

  /// Gives the next line, without its end, to `body` and keeps it; `nil` when none is complete, or
  /// when it is over the limit.
  package func peekLine<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
    guard holdsLine, !skipping else { return nil }
    let line = bytes[start...].prefix { $0 != ASCII.lf }
    let bare = line.last == ASCII.cr ? line.dropLast() : line
    guard bare.count <= lengthMax else { return nil }
    return bare.withUnsafeBytes(body)
  }

  /// Takes what was read from the client.
  package mutating func append(_ chunk: UnsafeRawBufferPointer) {
    if start > 0, start == bytes.count { discard() }
    bytes.append(contentsOf: chunk)
  }

  /// Gives the next line, without its end, to `body` and drops it; `nil` when none is complete.
  ///
  /// A line over the limit is reported once, at its end; until then its bytes are not kept.
  package mutating func takeLine<Result>(
    _ body: (UnsafeRawBufferPointer, Line) -> Result
  ) -> Result? {
    let end = bytes.withUnsafeBytes { ByteSearch.firstLF(in: $0, from: max(start, searched)) }
    guard end < bytes.count else {
      keepPartialLine()
      return nil
    }
    var textEnd = end
    if !skipping, textEnd > start, bytes[textEnd - 1] == ASCII.cr { textEnd -= 1 }
    let kind: Line =
      skipping || textEnd - start > lengthMax
      ? .tooLong : textEnd == end ? .endedBare : .complete
    let result = bytes.withUnsafeBytes {
      body(.init(rebasing: $0[start..<min(textEnd, start + lengthMax)]), kind)
    }
    skipping = false
    start = end + 1
    searched = start
    if start == bytes.count { discard() }
    return result
  }

  /// Gives all bytes held to `body`, which returns how many of them it used; the rest stays.
  package mutating func takeBytes(_ body: (UnsafeRawBufferPointer) -> Int) {
    guard !isEmpty else { return }
    let used = bytes.withUnsafeBytes { body(.init(rebasing: $0[start...])) }
    precondition(used >= 0 && used <= count)
    start += used
    searched = start
    if start == bytes.count { discard() }
  }

  /// Drops everything that is held.
  package mutating func discard() {
    bytes = []
    start = 0
    searched = 0
  }

  private mutating func keepPartialLine() {
    if start > 0 {
      bytes = Array(bytes[start...])
      start = 0
    }
    // One byte more may be the CR of an end that is cut in two.
    if bytes.count > (skipping ? lengthMax : lengthMax + 1) {
      skipping = true
      bytes = Array(bytes[..<lengthMax])
    }
    searched = bytes.count
  }
}
