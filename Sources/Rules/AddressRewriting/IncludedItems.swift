package import LookupTables
import Primitives

/// What the files name that an alias includes, and those that they include in turn; each is read
/// once. Whoever goes through them reads the files that it asks for, in its own way.
package struct IncludedItems: Sendable {
  /// An item with the user id of who owns the file.
  package struct Item: Sendable {
    /// A command, a file or an address.
    package let text: [UInt8]
    /// Whose file it stands in; 0 for the superuser's.
    package let owner: UInt32
    /// The path of the file that it stands in; empty for the table.
    package let path: [UInt8]

    /// An item of somebody's file.
    package init(text: [UInt8], owner: UInt32, path: [UInt8] = []) {
      self.text = text
      self.owner = owner
      self.path = path
    }
  }

  /// The commands and files, without quotes, in the order in which they were found.
  package private(set) var programs: [Item] = []
  private(set) var addresses: [[UInt8]] = []

  private let filesMax: Int
  private var pending: [[UInt8]]
  private var opened: Set<[UInt8]> = []
  private var current: [UInt8] = []

  /// Begins with the files that an alias names.
  ///
  /// - Parameter filesMax: how many may be read.
  package init(of entry: AliasTables.Entry, filesMax: Int) {
    pending = entry.includedPaths.reversed()
    self.filesMax = filesMax
  }

  /// How many files have been asked for.
  var fileCount: Int { opened.count }

  /// The path of the file to read next; `nil` when all has been read.
  ///
  /// - Throws: `.malformed` for a relative path, `.failed` for too many files.
  package mutating func nextPath() throws(LookupError) -> String? {
    while let path = pending.popLast() {
      guard opened.insert(path).inserted else { continue }
      let name = String(decoding: path, as: UTF8.self)
      guard path.first == UInt8(ascii: "/") else {
        throw .malformed(table: ":include:\(name)", reason: "expected a path that begins with /")
      }
      guard opened.count <= filesMax else {
        throw .failed(
          table: ":include:\(name)", reason: "more than alias_expansion_limit, \(filesMax) files")
      }
      current = path
      return name
    }
    return nil
  }

  /// Takes the content of the file that was asked for last.
  package mutating func take(_ bytes: [UInt8], owner: UInt32) {
    var paths: [[UInt8]] = []
    for line in LogicalLines(bytes).lines {
      let items = AliasItems(AddressList(line.text).addresses)
      programs += items.programs.map { Item(text: $0, owner: owner, path: current) }
      addresses += items.addresses
      paths += items.includedPaths
    }
    pending += paths.reversed()
  }
}
