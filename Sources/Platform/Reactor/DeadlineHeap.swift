/// Something with a deadline that the reactor watches.
///
/// Moving a deadline away, or dropping it, only changes `deadline`: the heap notices when the old
/// time comes. So a session that sets a new deadline for each command costs nothing.
@ReactorActor
package class DeadlineEntry {
  /// When it expires, in monotonic nanoseconds; `max` for never.
  fileprivate(set) var deadline = Int64.max
  /// Its place in the heap, or -1.
  fileprivate nonisolated(unsafe) var place = -1

  nonisolated init() {}

  deinit { precondition(place < 0, "a deadline outlives what it was for") }

  /// Called when the deadline has passed.
  func expired() {}
}

/// The deadlines of the process, the earliest first. Holds its entries unretained: whoever owns
/// an entry removes it before it goes.
@ReactorActor
struct DeadlineHeap {
  private struct Node {
    /// At or before the entry's deadline.
    var key: Int64
    var entry: Unmanaged<DeadlineEntry>
  }

  private var nodes: [Node] = []

  nonisolated init() {}

  /// The time of the earliest key, in nanoseconds.
  var first: Int64? { nodes.first?.key }

  /// The number of entries, those included that have been dropped or moved.
  var count: Int { nodes.count }

  /// The time at which the next entry expires, in nanoseconds, once what was dropped or moved away
  /// no longer lies before it.
  mutating func settledFirst() -> Int64? {
    while let top = nodes.first {
      let entry = top.entry.takeUnretainedValue()
      if entry.deadline == .max {
        remove(at: 0)
      } else if entry.deadline > top.key {
        nodes[0].key = entry.deadline
        siftDown(0)
      } else {
        return top.key
      }
    }
    return nil
  }

  /// Sets or moves an entry's deadline.
  mutating func set(_ entry: DeadlineEntry, to time: Int64) {
    entry.deadline = time
    if entry.place < 0 {
      nodes.append(Node(key: time, entry: .passUnretained(entry)))
      entry.place = nodes.count - 1
      siftUp(entry.place)
    } else if time < nodes[entry.place].key {
      nodes[entry.place].key = time
      siftUp(entry.place)
    }
  }

  /// Lets the entry's deadline pass unnoticed; it may stay in the heap.
  func drop(_ entry: DeadlineEntry) { entry.deadline = .max }

  /// Takes the entry out.
  mutating func remove(_ entry: DeadlineEntry) {
    entry.deadline = .max
    guard entry.place >= 0 else { return }
    remove(at: entry.place)
  }

  /// Takes out the entry with the earliest deadline if that is at or before `time`.
  mutating func popDue(at time: Int64) -> DeadlineEntry? {
    while let top = nodes.first, top.key <= time {
      let entry = top.entry.takeUnretainedValue()
      if entry.deadline > top.key, entry.deadline != .max {
        nodes[0].key = entry.deadline
        siftDown(0)
        continue
      }
      let isDue = entry.deadline <= time
      remove(at: 0)
      entry.deadline = .max
      if isDue { return entry }
    }
    return nil
  }

  private mutating func remove(at place: Int) {
    nodes[place].entry._withUnsafeGuaranteedRef { $0.place = -1 }
    let last = nodes.removeLast()
    guard place < nodes.count else { return }
    put(last, at: place)
    siftUp(place)
    siftDown(place)
  }

  private mutating func put(_ node: Node, at place: Int) {
    nodes[place] = node
    node.entry._withUnsafeGuaranteedRef { $0.place = place }
  }

  private mutating func siftUp(_ start: Int) {
    var place = start
    let node = nodes[place]
    while place > 0 {
      let parent = (place - 1) / 4
      guard node.key < nodes[parent].key else { break }
      put(nodes[parent], at: place)
      place = parent
    }
    put(node, at: place)
  }

  private mutating func siftDown(_ start: Int) {
    var place = start
    let node = nodes[place]
    while true {
      let eldest = 4 * place + 1
      guard eldest < nodes.count else { break }
      var least = eldest
      for child in eldest..<min(eldest + 4, nodes.count) where nodes[child].key < nodes[least].key {
        least = child
      }
      guard nodes[least].key < node.key else { break }
      put(nodes[least], at: place)
      place = least
    }
    put(node, at: place)
  }
}
