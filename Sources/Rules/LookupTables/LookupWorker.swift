/// Does look-ups that may take their time: name services that block, patterns that back-track.
package protocol LookupWorker: Sendable {
  /// Does `work` and gives its answer.
  ///
  /// Throws what the work failed with, and `.failed` when it cannot be done in time.
  func answer(
    to work: @escaping @Sendable () -> Result<[UInt8]?, LookupError>, of table: String
  ) async throws(LookupError) -> [UInt8]?
}

/// Does the work at once, where nothing else waits: in commands.
package struct DirectWorker: LookupWorker {
  /// Makes a worker.
  package init() {}

  package func answer(
    to work: @escaping @Sendable () -> Result<[UInt8]?, LookupError>, of table: String
  ) async throws(LookupError) -> [UInt8]? {
    try work().get()
  }
}
