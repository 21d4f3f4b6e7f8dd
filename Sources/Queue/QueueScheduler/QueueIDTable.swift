import MailTypes

/// From queue id to slot, in 8 bytes a cell: the id itself stands in the entry.
///
/// Cells are spread over shards that grow one by one, so that no step moves more than a few
/// thousand of them.
struct QueueIDTable {
  /// A cell holds the hash's upper half and the slot plus 1; 0 is an empty cell.
  private struct Shard {
    var cells: [UInt64] = []
    var count = 0
  }

  private static let shardBits: UInt64 = 7
  private var shards = [Shard](repeating: Shard(), count: 1 << shardBits)

  private static func hash(_ id: QueueID) -> UInt64 {
    var mixed = id.microseconds &* 0x9e37_79b9_7f4a_7c15 ^ id.sequence
    mixed = (mixed ^ mixed >> 32) &* 0xd6e8_feb8_6659_fd93
    mixed = (mixed ^ mixed >> 32) &* 0xd6e8_feb8_6659_fd93
    return mixed ^ mixed >> 32
  }

  private static func shard(_ hash: UInt64) -> Int { Int(hash & (1 << shardBits - 1)) }

  private static func home(_ tag: UInt64, mask: Int) -> Int { Int(tag) & mask }

  func find(_ id: QueueID, in entries: MessageEntries) -> UInt32? {
    let hash = Self.hash(id)
    let shard = Self.shard(hash)
    guard let at = position(id, tag: hash >> 32, shard: shard, in: entries) else { return nil }
    return UInt32(truncatingIfNeeded: shards[shard].cells[at]) - 1
  }

  private func position(
    _ id: QueueID, tag: UInt64, shard: Int, in entries: MessageEntries
  ) -> Int? {
    let mask = shards[shard].cells.count - 1
    guard mask >= 0 else { return nil }
    var at = Self.home(tag, mask: mask)
    while true {
      let cell = shards[shard].cells[at]
      if cell == 0 { return nil }
      if cell >> 32 == tag, entries[UInt32(truncatingIfNeeded: cell) - 1].id == id { return at }
      at = (at + 1) & mask
    }
  }

  /// Adds an id that is not in the table.
  mutating func insert(_ id: QueueID, slot: UInt32) {
    let hash = Self.hash(id)
    let shard = Self.shard(hash)
    if (shards[shard].count + 1) * 4 > shards[shard].cells.count * 3 { grow(shard) }
    Self.place((hash & ~0xffff_ffff) | UInt64(slot + 1), in: &shards[shard].cells)
    shards[shard].count += 1
  }

  private static func place(_ cell: UInt64, in cells: inout [UInt64]) {
    let mask = cells.count - 1
    var at = home(cell >> 32, mask: mask)
    while cells[at] != 0 { at = (at + 1) & mask }
    cells[at] = cell
  }

  private mutating func grow(_ shard: Int) {
    let old = shards[shard].cells
    var cells = [UInt64](repeating: 0, count: max(16, old.count * 2))
    for cell in old where cell != 0 { Self.place(cell, in: &cells) }
    shards[shard].cells = cells
  }

  /// Removes an id whose entry is still in the index.
  mutating func remove(_ id: QueueID, in entries: MessageEntries) {
    let hash = Self.hash(id)
    let shard = Self.shard(hash)
    guard var hole = position(id, tag: hash >> 32, shard: shard, in: entries) else { return }
    let mask = shards[shard].cells.count - 1
    var at = hole
    // Cells behind the hole move up unless that would put them before their home.
    while true {
      at = (at + 1) & mask
      let cell = shards[shard].cells[at]
      if cell == 0 { break }
      let home = Self.home(cell >> 32, mask: mask)
      if (at - home) & mask >= (at - hole) & mask {
        shards[shard].cells[hole] = cell
        hole = at
      }
    }
    shards[shard].cells[hole] = 0
    shards[shard].count -= 1
  }
}
