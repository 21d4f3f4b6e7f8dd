/// What one step of a session came to.
package enum TLSOutcome: Hashable, Sendable {
  /// It is done; for reading and writing, so many bytes.
  case done(Int)
  /// It goes on when there is something to read.
  case wantsRead
  /// It goes on when there is room to write.
  case wantsWrite
  /// The peer has ended the session, or is gone.
  case closed
  /// The session cannot go on.
  case failed(TLSFailure)
}
