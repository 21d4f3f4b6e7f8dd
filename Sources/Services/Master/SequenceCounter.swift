import LinuxSystem
import SystemPackage

/// The numbers of spool segments, given out in ranges and never twice (spool rule R18).
///
/// The file holds the first number that is not reserved. It is replaced and flushed before any
/// number of a new reserve is given out, so a crash only leaves a gap.
struct SequenceCounter {
  /// How many numbers are reserved on the disk at once.
  static let reserveCount: UInt64 = 1 << 16
  /// How far a lost counter jumps ahead of the highest number seen in the spool.
  static let recoveryGap: UInt64 = 1 << 24
  private static let fileName = "sequence"
  private static let draftName = "sequence.new"

  private let directory: SharedDescriptor
  private var next: UInt64
  private var reservedEnd: UInt64

  /// Opens the counter in the directory `path`.
  ///
  /// - Parameter highestSeen: the highest number that a segment in the spool carries, used when the
  ///   file is missing or damaged.
  init(
    directory path: String, highestSeen: () throws(Errno) -> UInt64?
  ) throws(Errno) {
    directory = SharedDescriptor(try Files.open(path, [.read, .directory]))
    if let stored = try Self.load(directory.raw) {
      next = stored
    } else {
      let highest = try highestSeen()
      next = highest.map { $0 + Self.recoveryGap } ?? 1
    }
    reservedEnd = next
  }

  /// Gives out `count` numbers that nobody had before.
  mutating func take(_ count: UInt32) throws(Errno) -> UInt64 {
    let first = next
    let end = first + UInt64(count)
    if end > reservedEnd { try reserve(upTo: end + Self.reserveCount) }
    next = end
    return first
  }

  private mutating func reserve(upTo end: UInt64) throws(Errno) {
    let text = Array("\(end) \(end ^ Self.check)\n".utf8)
    let file = try Files.open(
      Self.draftName, [.write, .create, .truncate], in: directory.raw)
    try Files.writeAll(file.raw, text, at: 0)
    try Files.sync(file.raw)
    try Files.rename(Self.draftName, in: directory.raw, to: Self.fileName, in: directory.raw)
    try Files.sync(directory.raw)
    reservedEnd = end
  }

  /// Stored beside the number as a second copy, so that damage is noticed.
  private static let check: UInt64 = 0x6d61_7274_696e_6574

  private static func load(_ directory: Int32) throws(Errno) -> UInt64? {
    let file: OwnedDescriptor
    do throws(Errno) {
      file = try Files.open(fileName, [.read, .noFollow], in: directory)
    } catch .noSuchFileOrDirectory {
      return nil
    }
    let words = try Files.read(file.raw, count: 64, at: 0).split(whereSeparator: {
      $0 == 32 || $0 == 10
    })
    guard words.count == 2, let value = UInt64(String(decoding: words[0], as: UTF8.self)),
      let copy = UInt64(String(decoding: words[1], as: UTF8.self)), copy == value ^ check
    else { return nil }
    return value
  }
}
