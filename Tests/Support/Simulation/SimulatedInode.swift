import QueueFormat
import TestSupport

/// A file as the page cache shows it and as the disk has it.
///
/// Blocks reach the disk in any order and at any time before a flush, whole or torn; after a
/// failed flush the cache goes on showing what the disk never got, and calls it clean.
final class SimulatedInode {
  static let blockSize = SpoolLayout.blockSize
  private static let sectorSize = 512

  private var cached: [Int: [UInt8]] = [:]
  private(set) var size = 0
  private var durable: [Int: [UInt8]] = [:]
  private var durableSize = 0
  /// What each block that waits for a flush has been since the last one.
  private var versions: [Int: [[UInt8]]] = [:]
  private var flushedBlocks: Set<Int> = []
  private(set) var rewrittenBlocks = 0
  var allocatedEnd = 0
  weak var lockHolder: SimulatedFile?

  func read(_ offset: Int, _ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var at = offset
    let end = min(offset + count, size)
    while at < end {
      let block = at / Self.blockSize
      let from = at % Self.blockSize
      let length = min(Self.blockSize - from, end - at)
      if let content = cached[block] {
        bytes += content[from..<from + length]
      } else {
        bytes += [UInt8](repeating: 0, count: length)
      }
      at += length
    }
    return bytes
  }

  func write(_ offset: Int, _ bytes: UnsafeRawBufferPointer) {
    var done = 0
    while done < bytes.count {
      let at = offset + done
      let block = at / Self.blockSize
      let from = at % Self.blockSize
      let length = min(Self.blockSize - from, bytes.count - done)
      var content = cached[block] ?? [UInt8](repeating: 0, count: Self.blockSize)
      content.replaceSubrange(from..<from + length, with: bytes[done..<done + length])
      if flushedBlocks.contains(block) { rewrittenBlocks += 1 }
      cached[block] = content
      versions[block, default: []].append(content)
      done += length
    }
    size = max(size, offset + bytes.count)
  }

  func hasBlocks(_ offset: Int, _ count: Int) -> Bool {
    count == 0 || offset + count <= allocatedEnd
      || (offset / Self.blockSize...(offset + count - 1) / Self.blockSize).allSatisfy {
        cached[$0] != nil
      }
  }

  func flush() {
    for (block, history) in versions {
      durable[block] = history[history.count - 1]
      flushedBlocks.insert(block)
    }
    versions = [:]
    durableSize = size
  }

  /// A flush that reports an error: some blocks got there, the others never will, and the cache
  /// calls all of them clean.
  func failFlush(_ random: inout SplitMix64) {
    for (block, history) in ordered(versions) where random.oneIn(3) {
      durable[block] = history[history.count - 1]
    }
    versions = [:]
    if random.oneIn(2) { durableSize = size }
  }

  /// The cache forgets what it does not have to write.
  func dropCleanBlocks() {
    for block in cached.keys where versions[block] == nil { cached[block] = durable[block] }
  }

  /// What the disk has when the power comes back.
  func cutPower(_ random: inout SplitMix64) {
    for (block, history) in ordered(versions) {
      switch random.below(4) {
      case 0: break
      case 1: tear(block, history, &random)
      default: durable[block] = history[random.below(history.count)]
      }
    }
    if durableSize < size {
      switch random.below(3) {
      case 0: break
      case 1: durableSize = size
      default: durableSize += random.below(size - durableSize + 1)
      }
    }
    durable = durable.filter { $0.key * Self.blockSize < durableSize }
    let last = durableSize / Self.blockSize
    if var content = durable[last] {
      let keep = durableSize % Self.blockSize
      for at in keep..<Self.blockSize { content[at] = 0 }
      durable[last] = content
    }
    versions = [:]
    cached = durable
    size = durableSize
    allocatedEnd = 0
  }

  private func ordered(_ blocks: [Int: [[UInt8]]]) -> [(Int, [[UInt8]])] {
    blocks.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// A block whose writing the power cut interrupted: each sector old, new, or neither.
  private func tear(_ block: Int, _ history: [[UInt8]], _ random: inout SplitMix64) {
    var content = durable[block] ?? [UInt8](repeating: 0, count: Self.blockSize)
    let new = history[history.count - 1]
    for start in stride(from: 0, to: Self.blockSize, by: Self.sectorSize) {
      let sector = start..<start + Self.sectorSize
      switch random.below(5) {
      case 0, 1: content.replaceSubrange(sector, with: new[sector])
      case 2: content.replaceSubrange(sector, with: random.bytes(count: Self.sectorSize))
      default: break
      }
    }
    durable[block] = content
  }
}
