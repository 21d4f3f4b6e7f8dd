import QueueStore
import TestSupport

/// A machine with one disk whose power can fail at any call.
package final class SimulatedMachine: @unchecked Sendable {
  /// One change of a folder that a flush of the folder makes durable.
  enum FolderChange {
    case link(String, SimulatedInode)
    case unlink(String)
    case rename(String, String, SimulatedInode)
  }

  struct Folder {
    var entries: [String: SimulatedInode] = [:]
    var durable: [String: SimulatedInode] = [:]
    var changes: [FolderChange] = []
  }

  var folders: [SpoolFolder: Folder] = [:]
  var random: SplitMix64
  private var inodes: [SimulatedInode] = []
  private(set) var isUp = true
  private(set) var powerCuts = 0

  /// Calls until the power fails; `nil` for never.
  package var callsUntilPowerCut: Int?
  /// No block can be added to any file.
  package var isFull = false
  /// Dropping the cache does nothing, as on a kernel that would not.
  package var keepsCache = false
  /// One of so many writes fails; 0 for none.
  package var writeFailsOneIn = 0
  /// One of so many flushes of a file fails; 0 for none.
  package var flushFailsOneIn = 0
  /// One of so many flushes of a folder fails; 0 for none.
  package var folderFlushFailsOneIn = 0
  /// Flushes of files that succeeded.
  package private(set) var flushes = 0

  /// A machine with an empty disk.
  package init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    for folder in SpoolFolder.allCases { folders[folder] = Folder() }
  }

  /// Whether the power is on.
  package var hasPower: Bool { isUp }

  /// Writes into blocks that a flush had covered: rule R5 allows none.
  package var rewrittenBlocks: Int { inodes.reduce(0) { $0 + $1.rewrittenBlocks } }

  /// How often an event of the given chance happens; never with 0.
  func happens(oneIn count: Int) -> Bool { count > 0 && random.oneIn(count) }

  func makeInode() -> SimulatedInode {
    let inode = SimulatedInode()
    inodes.append(inode)
    return inode
  }

  func countFlush() { flushes += 1 }

  /// Counts a call; false when it is the one at which the power fails.
  func survivesCall() -> Bool {
    guard isUp else { return false }
    guard let left = callsUntilPowerCut else { return true }
    guard left > 0 else {
      cutPower()
      return false
    }
    callsUntilPowerCut = left - 1
    return true
  }

  /// The power fails: every process is gone, and the disk has what it has.
  package func cutPower() {
    isUp = false
    powerCuts += 1
    callsUntilPowerCut = nil
    for folder in SpoolFolder.allCases {
      var state = folders[folder] ?? Folder()
      for change in state.changes where !random.oneIn(2) { apply(change, to: &state.durable) }
      state.changes = []
      state.entries = state.durable
      folders[folder] = state
    }
    for inode in inodes {
      inode.cutPower(&random)
      inode.lockHolder = nil
    }
  }

  /// The power comes back; processes have to be started anew.
  package func powerOn() {
    isUp = true
  }

  private func apply(_ change: FolderChange, to entries: inout [String: SimulatedInode]) {
    switch change {
    case .link(let name, let inode): entries[name] = inode
    case .unlink(let name): entries[name] = nil
    case .rename(let name, let newName, let inode):
      if entries[name] === inode { entries[name] = nil }
      entries[newName] = inode
    }
  }

  func change(_ folder: SpoolFolder, _ change: FolderChange) {
    var state = folders[folder] ?? Folder()
    apply(change, to: &state.entries)
    state.changes.append(change)
    folders[folder] = state
  }

  func flushFolder(_ folder: SpoolFolder) {
    guard var state = folders[folder] else { return }
    state.durable = state.entries
    state.changes = []
    folders[folder] = state
  }

  /// The file of a name, as the running machine sees it.
  func inode(_ name: String, in folder: SpoolFolder) -> SimulatedInode? {
    folders[folder]?.entries[name]
  }
}
