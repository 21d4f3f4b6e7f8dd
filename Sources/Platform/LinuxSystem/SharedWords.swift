import CLinux
package import SystemPackage

/// 64-bit words in memory that outlives this process as long as another one holds their file.
///
/// One thread at a time writes a word; nothing orders the words among each other but the program.
package final class SharedWords: @unchecked Sendable {
  /// How many words there are.
  package let count: Int
  private let memory: UnsafeMutableRawPointer

  /// Makes the file behind such memory, with zeros in all words.
  package static func makeFile(_ name: String, count: Int) throws(Errno) -> OwnedDescriptor {
    let file = OwnedDescriptor(adopting: try checked(clinux_memory_file(name)))
    try Files.truncate(file.raw, to: Int64(count * MemoryLayout<UInt64>.size))
    return file
  }

  /// Maps the file, which must have that many words.
  package init(_ file: Int32, count: Int) throws(Errno) {
    let size = count * MemoryLayout<UInt64>.size
    guard try Files.status(of: file).size >= Int64(size) else { throw .invalidArgument }
    var found: UnsafeMutableRawPointer?
    try checked(clinux_map_shared(file, size, &found))
    guard let found else { throw .noMemory }
    memory = found
    self.count = count
  }

  deinit { clinux_unmap(memory, count * MemoryLayout<UInt64>.size) }

  /// A word.
  package subscript(index: Int) -> UInt64 {
    get {
      precondition(index < count, "a word that is not there")
      return clinux_load_word(memory, index)
    }
    set {
      precondition(index < count, "a word that is not there")
      clinux_store_word(memory, index, newValue)
    }
  }
}
