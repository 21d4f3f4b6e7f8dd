package import SystemPackage

/// The outcome of a non-blocking transfer, without the cost of throwing on hot paths.
package enum Transfer: Equatable, Sendable {
  /// This many bytes went through; at least one.
  case count(Int)
  /// Nothing could be moved now (`EAGAIN`).
  case wouldBlock
  /// The peer ended its side in an orderly way; only for reading.
  case ended
  /// The call failed.
  case failed(Errno)

  /// Reads the result of a call that gives a count or a negative errno.
  @inline(__always)
  init(reading result: Int) {
    if result > 0 {
      self = .count(result)
    } else if result == 0 {
      self = .ended
    } else {
      self = Transfer(failure: result)
    }
  }

  /// Reads the result of a call that writes: a count of zero is a count.
  @inline(__always)
  init(writing result: Int) {
    self = result >= 0 ? .count(result) : Transfer(failure: result)
  }

  private init(failure result: Int) {
    let errno = systemError(result)
    self = errno == .wouldBlock ? .wouldBlock : .failed(errno)
  }
}

/// The error that a negative result stands for; traps on those that only our own bugs cause.
func systemError(_ result: some BinaryInteger) -> Errno {
  let errno = Errno(rawValue: -CInt(result))
  precondition(errno != .badFileDescriptor && errno != .badAddress, "a wild descriptor or address")
  return errno
}

/// The result of a call, or the error that a negative one stands for.
@discardableResult
func checked<Result: BinaryInteger>(_ result: Result) throws(Errno) -> Result {
  guard result >= 0 else { throw systemError(result) }
  return result
}

/// Whether a call worked; false when it would have to wait.
func checkedUnlessBlocked(_ result: some BinaryInteger) throws(Errno) -> Bool {
  if result >= 0 { return true }
  let errno = systemError(result)
  if errno == .wouldBlock { return false }
  throw errno
}
