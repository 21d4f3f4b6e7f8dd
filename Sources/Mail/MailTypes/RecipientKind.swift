/// What a recipient's address names. Nothing that a client says makes another kind than `address`:
/// the others come from the tables of this host alone.
package enum RecipientKind: Hashable, Sendable {
  /// Whoever gets mail under it.
  case address
  /// One command or file that the local alias of this name stands for.
  case program(AliasProgramPlace)
  /// The local alias of this name, whose mail becomes new mail to those for whom it stands.
  case alias
}

/// Which of the commands and files of an alias is meant. What it says is not kept with mail: it is
/// found in `alias_maps` when the mail is delivered, so that only who writes the tables names
/// commands. A checksum tells whether it is still the same.
package struct AliasProgramPlace: Hashable, Sendable {
  /// Its place among them, from 0 on.
  package let index: UInt32
  /// How many there are.
  package let count: UInt32
  /// Whether they stand in the files that the alias includes, and not in the table.
  package let isInFile: Bool
  /// Whether the alias is the address without its extension.
  package let isBare: Bool
  /// CRC-32C of what it says and of the path of the file that says it; `nil` in mail that was kept
  /// by a build which took none.
  package let checksum: UInt32?

  /// The `index`th of `count`.
  package init(
    index: UInt32, count: UInt32, isInFile: Bool, isBare: Bool, checksum: UInt32? = nil
  ) {
    self.index = index
    self.count = count
    self.isInFile = isInFile
    self.isBare = isBare
    self.checksum = checksum
  }

  /// The two properties as bits, for those who store them.
  package var flags: UInt8 { (isInFile ? 1 : 0) | (isBare ? 2 : 0) }

  /// The `index`th of `count`, with the properties as bits.
  package init(index: UInt32, count: UInt32, flags: UInt8, checksum: UInt32?) {
    self.init(
      index: index, count: count, isInFile: flags & 1 != 0, isBare: flags & 2 != 0,
      checksum: checksum)
  }
}
