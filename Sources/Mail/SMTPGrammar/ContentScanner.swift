import Primitives

/// Reads the content of DATA or BDAT as it comes from the wire and gives it back in clean wire
/// form.
///
/// Wire form is CRLF line ends and canonical dot-stuffing (RFC 5321 4.5.2): a line that begins
/// with a dot carries one more, and no other line begins with one. No bare CR or LF gets through,
/// so what goes out to the next hop cannot hold an end of data that this scanner did not see.
package struct ContentScanner: Sendable {
  /// What `smtpd_forbid_bare_newline` says about a LF without a CR.
  package enum BareNewlines: Sendable {
    /// A bare LF ends a line, but only CRLF.CRLF ends the content.
    case normalize
    /// As `normalize`, and the caller refuses content that had one.
    case reject
    /// A bare LF is a CRLF in every respect, also around the final dot.
    case no
  }

  /// What the scan found out about the content, so that nothing downstream scans again.
  package struct Traits: OptionSet, Sendable {
    /// The bits.
    package let rawValue: UInt8
    /// Wraps the bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The header holds a byte above 127.
    package static let eightBitHeader = Traits(rawValue: 1)
    /// The body holds a byte above 127.
    package static let eightBitBody = Traits(rawValue: 2)
    /// The content holds a NUL.
    package static let nul = Traits(rawValue: 4)
    /// A LF came without its CR.
    package static let bareNewline = Traits(rawValue: 8)
    /// A CR came without its LF and was replaced by a space.
    package static let bareReturn = Traits(rawValue: 16)
  }

  private enum State {
    /// Before the first byte of a line.
    case lineStart
    /// Within a line.
    case text
    /// A CR within a line is held back.
    case textReturn
    /// A dot at the start of a line is held back.
    case dot
    /// A dot at the start of a line and a CR behind it are held back.
    case dotReturn
    /// The final dot was seen.
    case finished
  }

  private let bareNewlines: BareNewlines
  private let isChunked: Bool
  private var state = State.lineStart
  private var previousEndedBare = false
  private var lineLength = 0

  /// What was found so far.
  package private(set) var traits: Traits = []
  /// Bytes of content given out so far, in wire form.
  package private(set) var wireSize = 0
  /// Lines that begin with a dot, each of which carries one dot more on the wire.
  package private(set) var stuffedLines = 0
  /// Bytes of the longest line, without its stuffing and its CRLF.
  package private(set) var longestLine = 0
  /// Where the first empty line begins, in bytes of wire form; `nil` before it was seen.
  package private(set) var headerSize: Int?

  /// A scanner before the first byte after the reply to DATA, or of the first chunk: chunks carry
  /// no stuffing, and `finishChunks` ends them (RFC 3030).
  package init(bareNewlines: BareNewlines = .normalize, isChunked: Bool = false) {
    self.bareNewlines = bareNewlines
    self.isChunked = isChunked
  }

  /// Whether the end of the content was seen.
  package var isFinished: Bool { state == .finished }

  /// Bytes of content without stuffing, as `message_size_limit` counts them (RFC 1870 3).
  package var contentSize: Int { wireSize - stuffedLines }

  /// Of the content size what belongs to lines that have ended.
  package var endedLinesSize: Int {
    state == .text || state == .textReturn ? contentSize - lineLength : contentSize
  }

  /// Scans the next bytes from the wire and appends clean content to `out`.
  ///
  /// Returns how many bytes of the chunk belong to the content; less than all of them only when
  /// the end was found, and then the rest are commands. Must not be called after the end.
  package mutating func scan(_ chunk: UnsafeRawBufferPointer, into out: inout [UInt8]) -> Int {
    precondition(state != .finished)
    var at = 0
    var runStart = 0
    while at < chunk.count {
      switch state {
      case .text:
        scanText(chunk, &at, &runStart, into: &out)
      case .lineStart:
        guard chunk[at] == UInt8(ascii: ".") else {
          state = .text
          continue
        }
        take(chunk, runStart..<at, into: &out)
        at += 1
        runStart = at
        if isChunked { putStuffedDot(into: &out) } else { state = .dot }
      default:
        at += resolve(chunk[at], into: &out)
        runStart = at
        if state == .finished { return at }
      }
    }
    take(chunk, runStart..<at, into: &out)
    return at
  }

  /// Goes through whole clean lines; leaves at the chunk's end or where a byte must be held back.
  @inline(__always)
  private mutating func scanText(
    _ chunk: UnsafeRawBufferPointer, _ at: inout Int, _ runStart: inout Int,
    into out: inout [UInt8]
  ) {
    let stop = ByteSearch.firstLineBreak(in: chunk, from: at)
    lineLength += stop - at
    at = stop
    guard stop < chunk.count else { return }
    if chunk[stop] == ASCII.cr, stop + 1 < chunk.count, chunk[stop + 1] == ASCII.lf {
      if lineLength == 0, headerSize == nil {
        take(chunk, runStart..<stop, into: &out)
        runStart = stop
      }
      endLine(bare: false, wireOffset: wireSize)
      at = stop + 2
      return
    }
    take(chunk, runStart..<stop, into: &out)
    at = stop + 1
    runStart = at
    if chunk[stop] == ASCII.cr {
      state = .textReturn
    } else {
      putLineEnd(bare: true, into: &out)
    }
  }

  /// Decides what the held-back bytes were, now that the next byte is known; returns 1 when that
  /// byte was used too and 0 when it must be looked at again.
  private mutating func resolve(_ byte: UInt8, into out: inout [UInt8]) -> Int {
    switch (state, byte) {
    case (.textReturn, ASCII.lf):
      putLineEnd(bare: false, into: &out)
      return 1
    case (.textReturn, _):
      putReplacedReturn(into: &out)
      return 0
    case (.dot, UInt8(ascii: ".")):
      putStuffedDot(into: &out)
      return 1
    case (.dot, ASCII.cr):
      state = .dotReturn
      return 1
    case (.dot, ASCII.lf):
      loneDot(bare: true)
      return 1
    case (.dotReturn, ASCII.lf):
      loneDot(bare: false)
      return 1
    case (.dotReturn, _):
      putReplacedReturn(into: &out)
      return 0
    default:
      // A single dot before other text was added by the client's stuffing.
      state = .text
      return 0
    }
  }

  /// A line that holds one dot: the end, or with a bare LF beside it a line that is dropped,
  /// since nothing that a laxer reader would take for the end may stay in the content.
  private mutating func loneDot(bare: Bool) {
    if bareNewlines == .no || !(bare || previousEndedBare) {
      if bare { traits.insert(.bareNewline) }
      state = .finished
      return
    }
    if bare { traits.insert(.bareNewline) }
    previousEndedBare = bare
    lineLength = 0
    state = .lineStart
  }

  /// Ends content that came in chunks; a last line without an end gets one.
  package mutating func finishChunks(into out: inout [UInt8]) {
    precondition(isChunked && state != .finished)
    if state == .textReturn { putReplacedReturn(into: &out) }
    if state == .text, lineLength > 0 { putLineEnd(bare: false, into: &out) }
    state = .finished
  }

  private mutating func putStuffedDot(into out: inout [UInt8]) {
    out.append(UInt8(ascii: "."))
    out.append(UInt8(ascii: "."))
    wireSize += 2
    lineLength = 1
    stuffedLines += 1
    state = .text
  }

  private mutating func putReplacedReturn(into out: inout [UInt8]) {
    out.append(ASCII.space)
    wireSize += 1
    lineLength += 1
    traits.insert(.bareReturn)
    state = .text
  }

  private mutating func putLineEnd(bare: Bool, into out: inout [UInt8]) {
    endLine(bare: bare, wireOffset: wireSize)
    out.append(ASCII.cr)
    out.append(ASCII.lf)
    wireSize += 2
  }

  @inline(__always)
  private mutating func endLine(bare: Bool, wireOffset: Int) {
    if lineLength == 0, headerSize == nil { headerSize = wireOffset }
    if lineLength > longestLine { longestLine = lineLength }
    if bare { traits.insert(.bareNewline) }
    previousEndedBare = bare
    lineLength = 0
    state = .lineStart
  }

  /// Appends a run of clean bytes and notes what is odd about them.
  private mutating func take(
    _ chunk: UnsafeRawBufferPointer, _ range: Range<Int>, into out: inout [UInt8]
  ) {
    guard !range.isEmpty else { return }
    let run = UnsafeRawBufferPointer(rebasing: chunk[range])
    out.append(contentsOf: run)
    wireSize += run.count
    let (eightBit, nul) = ByteSearch.oddities(in: run)
    if eightBit { traits.insert(headerSize == nil ? .eightBitHeader : .eightBitBody) }
    if nul { traits.insert(.nul) }
  }
}
