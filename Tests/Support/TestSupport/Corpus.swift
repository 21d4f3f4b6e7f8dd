import Foundation

/// A committed input of a fuzz-style test.
package struct CorpusEntry: Sendable, CustomStringConvertible {
  /// The file's name.
  package let name: String
  /// The file's contents.
  package let bytes: [UInt8]

  /// The name, for the title of a test case.
  package var description: String { name }
}

/// The inputs kept in a folder beside a test.
package enum Corpus {
  /// The files in `Corpus/<folder>` beside the source file of the test, in order of their names.
  ///
  /// An absent or empty folder is a mistake in the test and traps.
  package static func load(_ folder: String = "", beside file: String = #filePath) -> [CorpusEntry]
  {
    let path = URL(filePath: file).deletingLastPathComponent().appending(path: "Corpus")
      .appending(path: folder)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path.path)) ?? []
    let entries = names.sorted().compactMap { name in
      (try? Data(contentsOf: path.appending(path: name))).map {
        CorpusEntry(name: name, bytes: Array($0))
      }
    }
    precondition(!entries.isEmpty, "no corpus in \(path.path)")
    return entries
  }
}
