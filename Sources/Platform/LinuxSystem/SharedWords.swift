import CLinux
package import SystemPackage

/// Memory that processes share, as 64-bit words that are stored, read and changed whole.
///
/// No call waits for another process, so one that is killed in the middle of anything holds nobody
/// up; what it stored outlives it. The size is sealed: nobody can take the memory away from under
/// another. What no one touched takes no room.
package final class SharedWords: @unchecked Sendable {
  /// The number of words.
  package let count: Int
  private let words: UnsafeMutablePointer<UInt64>

  private static let wordSize = MemoryLayout<UInt64>.size

  /// Makes `count` words of zeros and the descriptor by which others map them.
  package static func make(
    _ name: String, count: Int
  ) throws(Errno) -> (words: SharedWords, descriptor: SharedDescriptor) {
    let file = OwnedDescriptor(adopting: try checked(clinux_memory_file(name)))
    try Files.truncate(file.raw, to: Int64(count * wordSize))
    try checked(clinux_seal_size(file.raw))
    let words = try SharedWords(file.raw, count: count)
    return (words, SharedDescriptor(file))
  }

  /// Maps `count` words behind a descriptor, which may be closed afterwards; all that the file
  /// holds when no count is given.
  ///
  /// `EINVAL` when the file is shorter: touching what is missing would kill.
  package init(_ descriptor: Int32, count: Int? = nil) throws(Errno) {
    let there = Int(try Files.status(of: descriptor).size) / Self.wordSize
    let count = count ?? there
    guard count > 0, there >= count else { throw Errno.invalidArgument }
    var address: UnsafeMutableRawPointer?
    try checked(clinux_map_shared(descriptor, count * Self.wordSize, &address))
    words = address!.bindMemory(to: UInt64.self, capacity: count)
    self.count = count
  }

  deinit {
    let result = clinux_unmap(words, count * Self.wordSize)
    precondition(result == 0, "shared memory cannot be unmapped")
  }

  /// A word.
  package subscript(index: Int) -> UInt64 {
    get { clinux_load_word(word(index)) }
    set { clinux_store_word(word(index), newValue) }
  }

  /// Adds to a word, which wraps, and gives what it was before.
  @discardableResult
  package func add(_ amount: Int, at index: Int) -> UInt64 {
    clinux_add_word(word(index), UInt64(bitPattern: Int64(amount)))
  }

  /// Stores a word if it is still `expected`; tells whether it did.
  package func exchange(_ expected: UInt64, for value: UInt64, at index: Int) -> Bool {
    clinux_exchange_word(word(index), expected, value)
  }

  /// Makes words zeros and gives their memory back; `descriptor` is that of the same file. Both
  /// ends of the range lie on whole pages.
  package func erase(_ range: Range<Int>, in descriptor: Int32) throws(Errno) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "no such shared words")
    try checked(
      clinux_erase(
        descriptor, Int64(range.lowerBound * Self.wordSize), Int64(range.count * Self.wordSize)))
  }

  @inline(__always)
  private func word(_ index: Int) -> UnsafeMutablePointer<UInt64> {
    precondition(index >= 0 && index < count, "no such shared word")
    return words + index
  }
}
