import QueueFormat

/// The format of a spool as a whole: which of the formats that a build knows it writes.
///
/// An empty file in the spool's root says it by its name, so that everybody who may see the spool
/// can read it and changing it is one step. A build writes the format before its newest until
/// `martinet spool upgrade`, so that yesterday's package starts again; it reads all older ones,
/// since each file says its own; and it touches nothing where a newer build has written.
package struct SpoolFormat: Sendable {
  /// The newest format that is known.
  let newest: UInt16

  private static let prefix = "format-"
  private static let oldest: UInt16 = 1

  /// The formats that this build knows.
  package static let ofThisBuild = SpoolFormat(newest: SpoolLayout.version)

  /// Formats up to `newest`; others than `ofThisBuild` are for tests.
  package init(newest: UInt16) {
    self.newest = newest
  }

  /// What a spool without the file is written in: the first format, which knew no such file.
  private static let unnamed = oldest

  /// The format in which the files of a spool are written.
  ///
  /// - Parameter names: what lies in its root.
  /// - Throws: `.newerVersion`.
  package func version(_ names: [String]) throws(SpoolError) -> UInt16 {
    guard let version = names.compactMap(Self.parse).max() else { return Self.unnamed }
    guard version <= newest else { throw .newerVersion(version) }
    return version
  }

  private static func parse(_ name: String) -> UInt16? {
    guard name.hasPrefix(prefix), let version = UInt16(name.dropFirst(prefix.count)),
      version >= oldest, file(version) == name
    else { return nil }
    return version
  }

  private static func file(_ version: UInt16) -> String { prefix + String(version) }

  /// Gives a spool that has no format one, durably: the one before the newest, or the first when
  /// there is mail already.
  ///
  /// - Returns: the format in which the spool's files are written.
  /// - Throws: `.newerVersion`; what the disk says.
  @discardableResult
  package func prepare<D: Disk>(_ disk: D) throws(SpoolError) -> UInt16 {
    let names = try disk.names(in: .root)
    if names.contains(where: { Self.parse($0) != nil }) { return try version(names) }
    let isFresh = try SpoolScan(disk).segments.isEmpty
    let version = isFresh ? max(Self.oldest, newest - 1) : Self.unnamed
    try write(version, disk)
    return version
  }

  /// Has the spool's files written in the newest format from now on; nothing may run. Files in
  /// older formats stay as they are, and are read.
  ///
  /// - Returns: the format so far and the one from now on.
  /// - Throws: `.newerVersion`; what the disk says, and then the old format may still hold.
  package func upgrade<D: Disk>(_ disk: D) throws(SpoolError) -> (from: UInt16, to: UInt16) {
    let from = try prepare(disk)
    guard from < newest else { return (from, from) }
    try write(newest, disk)
    let older = try disk.names(in: .root).filter { (Self.parse($0) ?? newest) < newest }
    for file in older { try disk.unlink(file, in: .root) }
    try disk.flushFolder(.root)
    return (from, newest)
  }

  private func write<D: Disk>(_ version: UInt16, _ disk: D) throws(SpoolError) {
    let file = try disk.create(Self.file(version), in: .root)
    defer { disk.close(file) }
    try disk.flush(file)
    try disk.flushFolder(.root)
  }
}
