import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPGrammar

/// A body that a milter puts in the place of another, as it comes: in memory while it is small,
/// else in a segment of its own.
@ReactorActor
final class ReplacementBody {
  /// Bytes that are held in memory at most.
  private static let partSize = 256 << 10

  private var content: [UInt8] = []
  private var scanner = ContentScanner(isChunked: true)
  private var stream: (any MessageStream)?
  /// Bytes that have gone to the segment.
  private(set) var streamed = 0
  private let intake: Intake

  init(intake: Intake) {
    self.intake = intake
    // The scanner begins with a header: an empty one, which is not kept.
    scan([ASCII.cr, ASCII.lf])
    content = []
  }

  /// Bytes so far, without dot-stuffing.
  var size: Int { scanner.contentSize - 2 }

  /// Bytes that are in memory.
  var held: Int { content.count }

  /// What a record says of such a body.
  var flags: RecordFlags {
    var flags: RecordFlags = []
    if scanner.traits.contains(.eightBitBody) { flags.insert(.body8Bit) }
    if scanner.traits.contains(.nul) { flags.insert(.hasNUL) }
    if scanner.longestLine > 998 { flags.insert(.longLine) }
    if scanner.stuffedLines > 0 { flags.formUnion([.hasStuffedLines, .scanForDots]) }
    return flags
  }

  /// Adds the next part.
  func append(_ part: [UInt8]) async throws(SpoolError) {
    scan(part)
    guard content.count >= Self.partSize else { return }
    if stream == nil { stream = try await intake.spool.beginStream() }
    let full = content
    content = []
    streamed += full.count
    try await stream?.append(full)
  }

  private func scan(_ part: [UInt8]) {
    part.withUnsafeBytes { _ = scanner.scan($0, into: &content) }
  }

  /// All has come: gives away what is not in the segment, in wire form, and the segment, if there
  /// is one. The last line is ended if the milter did not.
  func finish() -> (rest: [UInt8], stream: (any MessageStream)?) {
    scanner.finishChunks(into: &content)
    defer {
      stream = nil
      content = []
    }
    return (content, stream)
  }

  /// Drops it.
  func abandon() async {
    let stream = stream
    self.stream = nil
    content = []
    await stream?.abort()
  }
}
