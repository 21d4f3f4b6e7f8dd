import CLinux
package import LinuxSystem
package import Primitives
package import SystemPackage

/// One descriptor that the reactor watches, and its owner.
///
/// A stream is registered once, edge-triggered: readiness is remembered here until the caller
/// reports that it met the end of what there was, so that a wait costs no system call. One task
/// may wait for reading and one for writing. A stream's open description must not be shared with
/// another process or owner, or else taken out by `release`: the kernel watches descriptions.
@ReactorActor
package final class Watched {
  /// How a descriptor is watched.
  package enum Kind: Sendable {
    /// Edge-triggered, for the one owner of a socket, pipe, or kernel object.
    case stream
    /// A listening socket that several processes share: one of them is woken for a connection.
    /// Level-triggered: accept a bounded number, wait again.
    case sharedListener
  }

  /// The descriptor's number.
  package let raw: Int32
  private var descriptor: OwnedDescriptor?
  private var token: UInt64 = 0
  private let reader = Waiter()
  private var writer: Waiter?
  private let kind: Kind
  private var isReadReady = false
  private var isWriteReady = true
  /// Peer's end or an error: there will be no further edge, so reading stays ready.
  private var isEnding = false
  /// Whether the kernel reports room for writing. Only from the first need on: on Unix sockets
  /// each packet that the peer takes would be an event.
  private var watchesRoom = false
  /// A listener without a waiter is taken out, since level-triggered events would not stop.
  private(set) var isSuspended = false
  /// Whether a listener is watched beside those of other processes, and takes no wake-up from them.
  private var isInReserve = false
  private var shareTurn: UInt64 = 0
  private var share = 0

  /// Operations of one descriptor in one turn before the others get theirs.
  private static let shareLimit = 16
  private static let streamEvents = clinux_epollin | clinux_epollrdhup | clinux_epollet
  private static let listenerEvents = clinux_epollin | clinux_epollexclusive

  /// Begins to watch. `ENOSPC` or `ENOMEM` when the system allows no more, `EPERM` for a file.
  package init(
    _ descriptor: consuming OwnedDescriptor, as kind: Kind = .stream
  ) throws(Errno) {
    raw = descriptor.raw
    self.descriptor = consume descriptor
    self.kind = kind
    let loop = Reactor.shared.loop
    token = loop.table.insert(self)
    let events = kind == .stream ? Self.streamEvents : Self.listenerEvents
    let result = clinux_epoll_add(loop.epoll, raw, events, token)
    if result < 0 {
      loop.table.remove(token)
      self.descriptor = nil
      throw Errno(rawValue: -result)
    }
  }

  isolated deinit { close() }

  /// Whether the descriptor is open.
  package var isOpen: Bool { descriptor != nil }

  /// Whether a read may find something; cleared by `readDrained` and `readBlocked`.
  package var mayRead: Bool { isReadReady }
  /// Whether a write may find room; cleared by `writeBlocked`.
  package var mayWrite: Bool { isWriteReady }

  /// Reports that a read found less than it could have taken: unless the end is near, that was all.
  @inline(__always)
  package func readDrained() { isReadReady = isEnding }

  /// Reports that a read found nothing (`EAGAIN`).
  package func readBlocked() {
    isReadReady = false
    isEnding = false
  }

  /// Reports that a read may find something though no event said so: whoever read ahead of the
  /// events took what they would have told, since the kernel drops the event of what is gone.
  package func readMayFind() { isReadReady = true }

  /// Reports that a write found no room (`EAGAIN`), or that a connection is being made.
  package func writeBlocked() { isWriteReady = false }

  /// Waits until there is something to read, an end, or an error.
  package func readable(deadline: MonotonicTime? = nil) async throws(WaitError) {
    guard isOpen else { throw .closed }
    if isReadReady { return }
    if isSuspended { watchAgain() }
    reader.begin(deadline: deadline)
    try await reader.finish(keepsPlace: true)
  }

  /// Waits until there is room to write, or an error.
  package func writable(deadline: MonotonicTime? = nil) async throws(WaitError) {
    guard isOpen else { throw .closed }
    if isWriteReady { return }
    if !watchesRoom { watchRoom(true) }
    let writer = writer ?? Waiter()
    self.writer = writer
    writer.begin(deadline: deadline)
    try await writer.finish(keepsPlace: true)
  }

  /// Whether this descriptor has had its share of this turn; counts one operation. If so the
  /// caller lets others go first with `Reactor.yieldTurn()`.
  @inline(__always)
  package func shareIsUsed() -> Bool {
    let turn = Reactor.shared.loop.turn
    if turn != shareTurn {
      shareTurn = turn
      share = 0
    }
    share += 1
    return share > Self.shareLimit
  }

  /// Closes the descriptor; tasks that wait get `closed`.
  package func close() {
    guard isOpen else { return }
    // The description of a listener lives on in other processes and would go on to report.
    leave(removing: kind == .sharedListener)
    descriptor = nil
  }

  /// Stops watching and gives the descriptor back; tasks that wait get `closed`.
  package func release() -> OwnedDescriptor? {
    guard isOpen else { return nil }
    leave(removing: true)
    return descriptor.take()
  }

  private func leave(removing: Bool) {
    let loop = Reactor.shared.loop
    if removing, !isSuspended {
      let result = clinux_epoll_remove(loop.epoll, raw)
      precondition(result >= 0, "a watched descriptor is not")
    }
    loop.table.remove(token)
    loop.deadlines.remove(reader)
    reader.resume(.closed)
    if let writer {
      loop.deadlines.remove(writer)
      writer.resume(.closed)
    }
  }

  func handle(_ events: UInt32) {
    if kind == .sharedListener { return handleListener() }
    let ending = clinux_epollrdhup | clinux_epollhup | clinux_epollerr
    if events & (clinux_epollin | ending) != 0 {
      if events & ending != 0 { isEnding = true }
      isReadReady = true
      reader.resume(.ready)
    }
    if events & (clinux_epollout | clinux_epollhup | clinux_epollerr) != 0 {
      isWriteReady = true
      if let writer, writer.isWaiting {
        writer.resume(.ready)
      } else if watchesRoom {
        watchRoom(false)
      }
    }
  }

  /// Takes a listener out until the next `readable`, so that connections wake other processes. Who
  /// takes no connections for a while calls it in the stretch in which that shows: a connection
  /// wakes one process alone, and would wait for its next if that one had no use for it.
  package func suspend() {
    guard isOpen, !isSuspended else { return }
    let result = clinux_epoll_remove(Reactor.shared.loop.epoll, raw)
    precondition(result >= 0, "a watched listener is not")
    isSuspended = true
  }

  /// Whether a listener only looks on: it is told of connections besides the one process that is
  /// woken for them, which is for whoever comes to help if that one is late. Out of watch until
  /// the next `readable`.
  package func listenInReserve(_ isInReserve: Bool) {
    suspend()
    self.isInReserve = isInReserve
  }

  private func handleListener() {
    if reader.isWaiting { reader.resume(.ready) } else { suspend() }
  }

  private func watchAgain() {
    isSuspended = false
    let events = isInReserve ? clinux_epollin : Self.listenerEvents
    let result = clinux_epoll_add(Reactor.shared.loop.epoll, raw, events, token)
    precondition(result >= 0, "a listener cannot be watched again")
  }

  private func watchRoom(_ on: Bool) {
    watchesRoom = on
    let events = Self.streamEvents | (on ? clinux_epollout : 0)
    let result = clinux_epoll_modify(Reactor.shared.loop.epoll, raw, events, token)
    precondition(result >= 0, "a watched descriptor is not")
  }
}
