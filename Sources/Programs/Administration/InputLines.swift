import LinuxSystem
import SystemPackage

/// The lines of a descriptor, read as they are wanted. Of a line that is too long to mean anything
/// only the beginning is kept.
struct InputLines {
  /// Bytes of a line that are kept.
  static let lengthMax = 1024

  private let descriptor: Int32
  private var buffer = [UInt8](repeating: 0, count: 8192)
  private var unread = 0..<0
  private var hasEnded = false

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// The next line without its end; `nil` behind the last one. Blocks.
  ///
  /// - Throws: when the descriptor cannot be read.
  mutating func next() throws(ControlFailure) -> String? {
    var line: [UInt8] = []
    var isLine = false
    while true {
      if unread.isEmpty { try fill() }
      guard !unread.isEmpty else { return isLine ? text(line) : nil }
      isLine = true
      let end = buffer[unread].firstIndex(of: UInt8(ascii: "\n"))
      let part = buffer[unread.lowerBound..<(end ?? unread.upperBound)]
      line += part.prefix(Self.lengthMax - line.count)
      unread = (end.map { $0 + 1 } ?? unread.upperBound)..<unread.upperBound
      if end != nil { return text(line) }
    }
  }

  private func text(_ line: [UInt8]) -> String { String(decoding: line, as: UTF8.self) }

  private mutating func fill() throws(ControlFailure) {
    guard !hasEnded else { return }
    let descriptor = descriptor
    switch buffer.withUnsafeMutableBytes({ Files.readSome(descriptor, into: $0) }) {
    case .count(let count): unread = 0..<count
    case .ended: hasEnded = true
    case .wouldBlock:
      throw ControlFailure(description: "standard input must not be non-blocking")
    case .failed(let error):
      throw ControlFailure(description: "cannot read standard input: \(error)")
    }
  }
}
