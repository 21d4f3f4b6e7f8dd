package import SystemPackage

/// A page of memory that processes share, as 64-bit words that are stored and read whole.
///
/// Storing costs no system call, and what a process stored outlives it: whoever shares the page
/// reads it after the process has died.
package final class SharedPage: Sendable {
  /// The size in bytes.
  package static let size = 4096
  /// The number of words.
  package static let wordCount = size / MemoryLayout<UInt64>.size

  private let words: SharedWords

  /// Makes a page of zeros and the descriptor by which others map it.
  package static func make(
    _ name: String
  ) throws(Errno) -> (page: SharedPage, descriptor: SharedDescriptor) {
    let made = try SharedWords.make(name, count: wordCount)
    return (SharedPage(made.words), made.descriptor)
  }

  private init(_ words: SharedWords) { self.words = words }

  /// Maps the page behind a descriptor, which may be closed afterwards.
  ///
  /// `EINVAL` when the file is shorter than a page: touching what is missing would kill.
  package init(_ descriptor: Int32) throws(Errno) {
    words = try SharedWords(descriptor, count: Self.wordCount)
  }

  /// Stores a word.
  package func store(_ value: UInt64, at word: Int) { words[word] = value }

  /// Reads a word.
  package func load(_ word: Int) -> UInt64 { words[word] }

  /// A word.
  package subscript(word: Int) -> UInt64 {
    get { load(word) }
    set { store(newValue, at: word) }
  }
}
