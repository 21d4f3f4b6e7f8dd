import LinuxSystem
import Primitives
import SystemPackage

/// Reads the content of one message piece by piece and turns it into the text of its file.
struct LocalReader {
  private static let pieceSize: Int64 = 65536

  private let message: LocalMessage
  private var content = FileContent()
  private let marksLines: Bool
  private var marks: LineMarks
  /// Text of a piece before its lines are marked.
  private var plain: [UInt8] = []

  /// What to say when something could not be read.
  private(set) var verdict = LocalVerdict.unreadable("not read")

  init(_ message: LocalMessage) {
    self.message = message
    marksLines = message.style.marksLines || message.lineEnd != [ASCII.lf]
    marks = LineMarks(style: message.style, lineEnd: message.lineEnd)
  }

  /// All bytes of a range; `nil` when they cannot be had, and `verdict` says why.
  mutating func read(_ range: Range<Int64>) -> [UInt8]? {
    do throws(Errno) {
      let bytes = try Files.read(
        message.content, count: range.count, at: range.lowerBound)
      if bytes.count == range.count { return bytes }
      verdict = .unreadable("unexpected end of file")
    } catch {
      verdict = .unreadable(error.description)
    }
    return nil
  }

  /// Writes the fields of this delivery, the header and the body; false when the content could not
  /// be read to its end.
  mutating func copy(
    header: [UInt8], at time: WallTime, to writer: inout MailboxWriter
  ) -> Bool {
    DeliveryFields.append(message.style, of: message, at: time, to: &writer.text)
    header.withUnsafeBytes { append($0, to: &writer.text) }
    var at = message.body.lowerBound
    while at < message.body.upperBound {
      guard let piece = read(at..<min(at + Self.pieceSize, message.body.upperBound)) else {
        return false
      }
      piece.withUnsafeBytes { append($0, to: &writer.text) }
      at += Int64(piece.count)
      // A writer that has failed wants no more, and says so itself.
      guard writer.flushIfLarge() else { return true }
    }
    if marksLines {
      plain.removeAll(keepingCapacity: true)
      content.finish(into: &plain)
      marks.append(plain[...], to: &writer.text)
      marks.finish(into: &writer.text)
    } else {
      content.finish(into: &writer.text)
    }
    if message.style.contains(.blankLine) { writer.text += message.lineEnd }
    return true
  }

  private mutating func append(_ wire: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    guard marksLines else { return content.append(wire, to: &text) }
    plain.removeAll(keepingCapacity: true)
    content.append(wire, to: &plain)
    marks.append(plain[...], to: &text)
  }
}
