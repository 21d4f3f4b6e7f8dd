/// Why the spool could not do what it was asked; all of them end in a 4xx or a retry.
package enum SpoolError: Error, Hashable, Sendable {
  /// No room on the disk, or a quota.
  case noSpace
  /// There is no such file.
  case missing
  /// A file of that name is there already.
  case exists
  /// The system refused or failed a call, with its error number.
  case system(SpoolOperation, code: Int32)
  /// Bytes that had been flushed are not what was written.
  case damaged
  /// The spool was written by a build with a newer format (R: touch nothing).
  case newerVersion(UInt16)
  /// The segment or journal has ended after an earlier failure; nothing is added to it (R3).
  case ended
  /// The disk failed and would not say for certain that the message is no mail: its session ends
  /// without an answer, as if the power had failed (R3).
  case uncertain
  /// The segment holds a copy of mail whose own segment has to be recovered first (R17).
  case originFirst
  /// New mail is refused until the disk has shown that it works again (R3) or has room (R24).
  case refusing
  /// Another process holds the lock of the spool (R16).
  case locked
}

/// The calls that can fail, for the log.
package enum SpoolOperation: String, Hashable, Sendable {
  case open, create, link, rename, unlink, write, read, flush, flushFolder, allocate, lock, list
  case size, space, dropCache
}
