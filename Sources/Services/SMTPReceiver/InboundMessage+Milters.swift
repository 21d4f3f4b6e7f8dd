import MilterCore
import Primitives
import QueueFormat
import QueueStore
import SMTPGrammar

/// What milters see of a message, and how it is changed before it becomes a record.
///
/// All content has come and the header is finished. It may still leave the memory meanwhile: what
/// looks at it or changes it does so between two writes.
extension InboundMessage {
  /// Whether the header is whole in memory: not so where the body began to leave before it ended.
  var keepsWholeHeader: Bool { continuation == nil }

  /// The lines of the header that begin a field.
  var headerFieldCount: Int {
    let (lf, space, tab) = (ASCII.lf, ASCII.space, ASCII.tab)
    var count = 0
    var isLineStart = true
    for byte in header?[...] ?? content[..<headerSize] {
      if isLineStart, byte != space, byte != tab { count += 1 }
      isLineStart = byte == lf
    }
    return count
  }

  /// The header as milters see and change it.
  var headerForMilters: MilterHeader {
    MilterHeader((header?[...] ?? content[..<headerSize]).dropLast(2), ownSize: traceSize)
  }

  /// Bytes of the body from a place on, in wire form; empty at its end.
  func bodyPiece(at offset: Int, limit: Int) async throws(SpoolError) -> [UInt8] {
    let inMemory = try await betweenWrites { () -> [UInt8]? in
      guard stream != nil else {
        return Array(content.dropFirst(headerSize + offset).prefix(limit))
      }
      guard offset >= spilledBytes else { return nil }
      return Array(content.dropFirst(offset - spilledBytes).prefix(limit))
    }
    if let inMemory { return inMemory }
    guard let stream else { throw .ended }
    let count = min(limit, spilledBytes - offset)
    return try await stream.readBack(from: UInt64(offset), count: count)
  }

  /// Puts another header in the place of this one.
  func replaceHeader(_ new: MilterHeader) async throws(SpoolError) {
    try await betweenWrites {
      let oldSize = headerForMilters.size
      let wire = new.wire + [ASCII.cr, ASCII.lf]
      if header != nil {
        header = wire
      } else {
        content.replaceSubrange(..<headerSize, with: wire)
      }
      headerSize = wire.count
      addedSize += new.size - oldSize
      changedFlags = (changedFlags ?? scannedFlags).union(new.flags)
      account()
    }
  }

  /// Puts another body in the place of this one, which is dropped.
  func replaceBody(_ new: ReplacementBody) async throws(SpoolError) {
    let old = try await betweenWrites { () -> (any MessageStream)? in
      let header = headerForMilters
      let head = self.header ?? Array(content[..<headerSize])
      let old = stream
      let (body, newStream) = new.finish()
      stream = newStream
      intake.memory.countSpilled(new.streamed - spilledBytes)
      spilledBytes = new.streamed
      if newStream == nil {
        self.header = nil
        content = head + body
      } else {
        self.header = head
        content = body
      }
      addedSize = header.size + 2 + new.size - traceSize - scanner.contentSize
      changedFlags = header.flags.union(new.flags)
      account()
      return old
    }
    await old?.abort()
  }
}

extension MilterHeader {
  fileprivate var flags: RecordFlags {
    var flags: RecordFlags = []
    if isEightBit { flags.insert(.header8Bit) }
    if longestLine > 998 { flags.insert(.longLine) }
    if hasStuffedLines { flags.formUnion([.hasStuffedLines, .scanForDots]) }
    return flags
  }
}
