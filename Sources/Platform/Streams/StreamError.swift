package import Reactor
package import SystemPackage
package import TLSEngine

/// Why an operation on a connection or channel failed.
package enum StreamError: Error, Equatable, Sendable {
  /// The deadline passed.
  case timedOut
  /// The task was cancelled.
  case cancelled
  /// This end has been closed.
  case closed
  /// A file ended before all bytes promised could be sent.
  case shortFile
  /// A channel's queue is full, since its peer does not read.
  case backlogFull
  /// TLS cannot begin or go on.
  case security(TLSFailure)
  /// The system reported an error, such as `ECONNRESET` or `EPIPE`.
  case system(Errno)

  /// The error that a wait ended with.
  package init(_ error: WaitError) {
    switch error {
    case .timedOut: self = .timedOut
    case .cancelled: self = .cancelled
    case .closed: self = .closed
    }
  }
}

/// The one buffer that every connection of the process reads into. What is read is used up before
/// the next read anywhere, so that an idle connection holds no buffer.
@ReactorActor
enum ReadBuffer {
  /// Also the size of the largest packet.
  nonisolated static let size = 65536
  static let shared = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)

  static func prefix(_ count: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: shared[..<count])
  }
}
