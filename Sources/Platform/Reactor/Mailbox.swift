import DequeModule
package import Primitives

/// A bounded queue of elements that tasks of the reactor wait for.
@ReactorActor
package final class Mailbox<Element> {
  private var elements = Deque<Element>()
  private let waiters = WaitingLine()
  private var isClosed = false
  /// The most elements that it holds.
  package let capacity: Int

  /// Makes an empty mailbox.
  package init(capacity: Int) {
    precondition(capacity > 0, "a mailbox needs room")
    self.capacity = capacity
  }

  /// The number of elements that wait.
  package var count: Int { elements.count }

  /// Puts an element in; false when the mailbox is full or closed.
  package func push(_ element: Element) -> Bool {
    guard !isClosed, elements.count < capacity else { return false }
    elements.append(element)
    waiters.resumeFirst()
    return true
  }

  /// Takes the first element, if there is one.
  package func tryNext() -> Element? { elements.popFirst() }

  /// Waits for an element. After `close`, what is left still comes out, then it throws `closed`.
  package func next(deadline: MonotonicTime? = nil) async throws(WaitError) -> Element {
    while true {
      if let element = elements.popFirst() { return element }
      if isClosed { throw .closed }
      let waiter = waiters.join(deadline: deadline)
      try await waiters.wait(waiter)
    }
  }

  /// Takes no more elements and lets waiting tasks go.
  package func close() {
    isClosed = true
    waiters.resumeAll(.closed)
  }
}

/// A door that tasks wait at: open lets all through, and `pulse` lets through those who wait now.
@ReactorActor
package final class Gate {
  private let waiters = WaitingLine()
  /// Whether tasks pass without waiting.
  package private(set) var isOpen: Bool

  /// Makes a gate.
  package init(isOpen: Bool = false) { self.isOpen = isOpen }

  /// The number of tasks that wait.
  package var waiting: Int { waiters.count }

  /// Lets all waiting tasks through, and later ones.
  package func open() {
    isOpen = true
    waiters.resumeAll(.ready)
  }

  /// Makes later tasks wait.
  package func shut() { isOpen = false }

  /// Lets through the tasks that wait now; the gate stays as it is.
  package func pulse() { waiters.resumeAll(.ready) }

  /// Waits as long as `condition` holds, which is looked at now and after each pulse.
  ///
  /// Whoever tests first and then calls `wait` may miss the pulse: a task may be queued anew at the
  /// call. Here test and wait are one stretch.
  package func wait(
    deadline: MonotonicTime? = nil, while condition: @ReactorActor () -> Bool
  ) async throws(WaitError) {
    while condition() {
      let waiter = waiters.join(deadline: deadline)
      try await waiters.wait(waiter)
    }
  }

  /// Waits until the gate opens or pulses; returns at once when it is open.
  package func wait(deadline: MonotonicTime? = nil) async throws(WaitError) {
    if isOpen { return }
    let waiter = waiters.join(deadline: deadline)
    try await waiters.wait(waiter)
  }
}

/// Tasks that wait for the same thing, in the order of arrival.
@ReactorActor
final class WaitingLine {
  private var line = Deque<Waiter>()

  nonisolated init() {}

  var count: Int { line.count }

  /// Takes a place at the end; `wait` must follow.
  func join(deadline: MonotonicTime?) -> Waiter {
    let waiter = Waiter()
    waiter.begin(deadline: deadline)
    line.append(waiter)
    return waiter
  }

  /// Waits in the place taken.
  func wait(_ waiter: Waiter) async throws(WaitError) {
    do {
      try await waiter.finish()
    } catch {
      if let place = line.firstIndex(where: { $0 === waiter }) { line.remove(at: place) }
      throw error
    }
  }

  func resumeFirst() {
    while let waiter = line.popFirst() {
      if waiter.isWaiting { return waiter.resume(.ready) }
    }
  }

  func resumeAll(_ outcome: Waiter.Outcome) {
    let waiters = line
    line.removeAll()
    for waiter in waiters { waiter.resume(outcome) }
  }
}
