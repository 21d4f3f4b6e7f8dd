import ServiceKit

/// What a command and the `control` role say to each other over the spool's socket.
///
/// Each frame is a 32-bit little-endian length and that many bytes, the first of which is the kind.
package enum ControlFrame: Equatable, Sendable {
  /// The most bytes of a frame's content.
  package static let lengthMax = 64 * 1024

  /// From a command: an order or question.
  case command([UInt8])
  /// From `control`: a part of the answer.
  case part([UInt8])
  /// From `control`: the answer is complete.
  case end
  /// From `control`: it could not be done; the text is for the user.
  case refused(String)

  /// The frame as bytes.
  package var encoded: [UInt8] {
    var out = WireEncoder()
    switch self {
    case .command(let bytes): out.put([1] + bytes)
    case .part(let bytes): out.put([2] + bytes)
    case .end: out.put([3])
    case .refused(let text): out.put([4] + Array(text.utf8))
    }
    return out.take()
  }

  init?(kind: UInt8, content: ArraySlice<UInt8>) {
    switch kind {
    case 1: self = .command(Array(content))
    case 2: self = .part(Array(content))
    case 3: self = .end
    case 4: self = .refused(String(decoding: content, as: UTF8.self))
    default: return nil
    }
  }
}

/// Collects bytes into frames; never holds more than one frame and a chunk.
package struct ControlFrameReader {
  /// The peer does not speak the protocol.
  package struct Violation: Error {}

  private(set) var pending: [UInt8] = []

  /// Starts with nothing pending.
  package init() {}

  /// Adds what was read.
  package mutating func append(_ bytes: UnsafeRawBufferPointer) {
    pending.append(contentsOf: bytes)
  }

  /// The next whole frame, or `nil` when more bytes are needed.
  package mutating func next() throws(Violation) -> ControlFrame? {
    guard pending.count >= 4 else { return nil }
    let length = pending[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard (1...ControlFrame.lengthMax).contains(length) else { throw Violation() }
    guard pending.count >= 4 + length else { return nil }
    guard let frame = ControlFrame(kind: pending[4], content: pending[5..<(4 + length)]) else {
      throw Violation()
    }
    pending.removeSubrange(..<(4 + length))
    return frame
  }
}
