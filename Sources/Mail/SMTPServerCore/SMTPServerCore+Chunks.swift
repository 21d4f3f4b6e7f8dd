package import MailTypes
import Primitives
import SMTPGrammar

/// What BDAT began; dropped with the transaction.
struct Chunks: Sendable {
  enum State: Sendable {
    /// There was no chunk.
    case none
    /// Chunks are taken.
    case receiving
    /// One was refused: up to the last or to RSET all others are dropped.
    case failed
  }

  var state = State.none
  /// Bytes of the chunks that were taken.
  var size = 0
  /// The reply to the chunk that is being dropped.
  var refusal: SMTPReply?
}

/// BDAT (RFC 3030).
extension SMTPServerCore {
  /// Whether chunks of a message have been taken, and more are to come.
  package var isReceivingChunks: Bool { chunks.state == .receiving }

  mutating func bdat(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    // A client that sends content unasked, or of unknown length, cannot be followed any more.
    if hiddenKeywords.contains(.chunking) {
      return refuse(
        SMTPReply(521, EnhancedStatus(5, 5, 1), "Error: command not implemented"), into: &out)
    }
    guard let chunk = ChunkArgument(line, argument) else {
      return refuse(
        SMTPReply(521, EnhancedStatus(5, 5, 4), "Syntax: BDAT count [LAST]"), into: &out)
    }
    self.chunk = chunk
    if let refusal = refusal(of: chunk) { return drop(refusal) }
    if chunks.state == .receiving {
      pending = .chunk
      return .receiveChunk
    }
    pending = .admission
    return .admitContent
  }

  private func refusal(of chunk: ChunkArgument) -> SMTPReply? {
    if chunk.count == 0, !chunk.isLast {
      return SMTPReply(551, EnhancedStatus(5, 7, 1), "Null BDAT request")
    }
    if chunks.state == .failed {
      let text = "Discarded \(chunk.count) bytes after earlier error"
      return SMTPReply(551, EnhancedStatus(5, 0, 0), text)
    }
    guard let transaction else {
      return SMTPReply(503, EnhancedStatus(5, 5, 1), "Error: need RCPT command")
    }
    guard !transaction.recipients.isEmpty else {
      return SMTPReply(554, EnhancedStatus(5, 5, 1), "Error: no valid recipients")
    }
    let limit = rules.settings.messageSizeLimit
    guard limit == 0 || chunk.count <= limit - chunks.size else {
      return SMTPReply(552, EnhancedStatus(5, 3, 4), "Chunk exceeds message size limit")
    }
    return nil
  }

  mutating func admitChunk() -> SMTPServerStep {
    chunks.state = .receiving
    pending = .chunk
    return .receiveChunk
  }

  /// Refuses the chunk at hand once it has been read: what follows it are commands.
  mutating func drop(_ refusal: SMTPReply) -> SMTPServerStep {
    chunks.refusal = refusal
    pending = .droppedChunk
    return .dropChunk
  }

  /// Tells that the chunk that `dropChunk` asked for has been read.
  package mutating func chunkDropped(into out: inout [UInt8]) -> SMTPServerStep {
    guard pending == .droppedChunk, let refusal = chunks.refusal else {
      preconditionFailure("no chunk was to be dropped")
    }
    return refuseChunk(refusal, into: &out)
  }

  /// Tells that a chunk that is not the last was taken, or why the content is refused already.
  package mutating func chunkFinished(
    _ refusal: SMTPReply?, into out: inout [UInt8]
  ) -> SMTPServerStep {
    guard pending == .chunk, let chunk else { preconditionFailure("no chunk was asked for") }
    if let refusal { return refuseChunk(refusal, into: &out) }
    pending = .nothing
    chunks.size += chunk.count
    counters.countAccepted(.bdat)
    SMTPReply(250, EnhancedStatus(2, 0, 0), "Ok: \(chunk.count) bytes").append(to: &out)
    return .next
  }

  private mutating func refuseChunk(
    _ refusal: SMTPReply, into out: inout [UInt8]
  ) -> SMTPServerStep {
    pending = .nothing
    if chunk?.isLast == true {
      dropTransaction()
    } else {
      chunks = Chunks(state: .failed)
    }
    return refuse(refusal, into: &out)
  }
}
