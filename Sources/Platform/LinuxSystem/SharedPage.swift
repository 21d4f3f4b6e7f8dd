import CLinux
package import SystemPackage

/// A page of memory that processes share, as 64-bit words that are stored and read whole.
///
/// Storing costs no system call, and what a process stored outlives it: whoever shares the page
/// reads it after the process has died. The size is sealed, so that nobody can take the page away
/// from under another.
package final class SharedPage: @unchecked Sendable {
  /// The size in bytes.
  package static let size = 4096
  /// The number of words.
  package static let wordCount = size / MemoryLayout<UInt64>.size

  private let words: UnsafeMutablePointer<UInt64>

  /// Makes a page of zeros and the descriptor by which others map it.
  package static func make(
    _ name: String
  ) throws(Errno) -> (page: SharedPage, descriptor: SharedDescriptor) {
    let file = OwnedDescriptor(adopting: try checked(clinux_memory_file(name)))
    try Files.truncate(file.raw, to: Int64(size))
    try checked(clinux_seal_size(file.raw))
    let page = try SharedPage(file.raw)
    return (page, SharedDescriptor(file))
  }

  /// Maps the page behind a descriptor, which may be closed afterwards.
  ///
  /// `EINVAL` when the file is shorter than a page: touching what is missing would kill.
  package init(_ descriptor: Int32) throws(Errno) {
    guard try Files.status(of: descriptor).size >= Int64(Self.size) else {
      throw Errno.invalidArgument
    }
    var address: UnsafeMutableRawPointer?
    try checked(clinux_map_shared(descriptor, Self.size, &address))
    words = address!.bindMemory(to: UInt64.self, capacity: Self.wordCount)
  }

  deinit {
    let result = clinux_unmap(words, Self.size)
    precondition(result == 0, "a shared page cannot be unmapped")
  }

  /// Stores a word.
  package func store(_ value: UInt64, at word: Int) {
    precondition(word >= 0 && word < Self.wordCount, "no such word in a shared page")
    clinux_store_word(words + word, value)
  }

  /// Reads a word.
  package func load(_ word: Int) -> UInt64 {
    precondition(word >= 0 && word < Self.wordCount, "no such word in a shared page")
    return clinux_load_word(words + word)
  }

  /// A word.
  package subscript(word: Int) -> UInt64 {
    get { load(word) }
    set { store(newValue, at: word) }
  }
}
