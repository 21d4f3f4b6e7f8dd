import LinuxSystem
import SystemPackage

/// What a delivery writes to, a file or a command: collects text and writes it in large pieces.
///
/// The first error is kept and comes out at the end, so that producers of text need not know of it.
package struct MailboxWriter: ~Copyable {
  /// Takes all of a piece; false when it wants no more.
  typealias Receiver = (UnsafeRawBufferPointer) -> Bool

  private enum Target {
    case file(Int32)
    case receiver(Receiver)
  }

  private let target: Target
  private let sizeMax: Int64
  private var written: Int64
  private var failure: Errno?

  /// Text that is not written yet; producers append to it and call `flushIfLarge`.
  package var text: [UInt8] = []

  /// Writes to a file from an offset on; a file of more than `sizeMax` bytes (0: no limit) is
  /// refused.
  init(file: Int32, sizeMax: Int64, at offset: Int64 = 0) {
    target = .file(file)
    written = offset
    self.sizeMax = sizeMax
    text.reserveCapacity(Self.pieceSize + 4096)
  }

  /// Gives the text to a receiver. One that wants no more is no failure.
  init(receiver: @escaping Receiver) {
    target = .receiver(receiver)
    written = 0
    sizeMax = 0
    text.reserveCapacity(Self.pieceSize + 4096)
  }

  private static let pieceSize = 131_072

  /// Writes the text when enough of it has been collected; false when nothing more is wanted.
  @discardableResult
  package mutating func flushIfLarge() -> Bool {
    if text.count >= Self.pieceSize { flush() }
    return failure == nil
  }

  /// Writes the rest and flushes the file to the disk, unless it is none that can be durable;
  /// throws the first error of all.
  mutating func finish(isDurable: Bool = true) throws(MailboxError) {
    flush()
    if failure == nil, isDurable, case .file(let file) = target {
      do throws(Errno) { try Files.sync(file) } catch { failure = error }
    }
    if let failure, failure != .brokenPipe {
      throw MailboxError(step: "error writing message", cause: failure)
    }
  }

  private mutating func flush() {
    defer { text.removeAll(keepingCapacity: true) }
    guard failure == nil, !text.isEmpty else { return }
    guard sizeMax == 0 || written + Int64(text.count) <= sizeMax else {
      failure = .fileTooLarge
      return
    }
    failure = text.withUnsafeBytes { bytes in
      switch target {
      case .file(let file):
        do throws(Errno) { try Files.writeAll(file, bytes, at: written) } catch { return error }
      case .receiver(let receiver):
        if !receiver(bytes) { return .brokenPipe }
      }
      return nil
    }
    written += Int64(text.count)
  }
}
