import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import Streams
import SystemPackage

/// Takes connections from one listening socket and hands them on while there is room.
@ReactorActor
final class Acceptor {
  /// Connections taken before the loop goes on with other work.
  private static let burst = 16
  /// More than wait in the kernel for a socket.
  private static let waitingMax = 1 << 16
  /// How long to wait for descriptors when no session of this process is there to give one back.
  private static let shortagePause = Duration.seconds(1)

  private let listener: Watched
  private let log: Log
  private let begin: @ReactorActor (consuming OwnedDescriptor, SocketAddress) -> Void
  private let room: SessionRoom

  /// - Parameter begin: starts a session; it counts itself in `room`.
  init(
    _ socket: consuming OwnedDescriptor, room: SessionRoom, log: Log,
    begin: @escaping @ReactorActor (consuming OwnedDescriptor, SocketAddress) -> Void
  ) throws(Errno) {
    listener = try Watched(socket, as: .sharedListener)
    self.room = room
    self.log = log
    self.begin = begin
  }

  /// Accepts until `close` is called.
  func run() async {
    do {
      while listener.isOpen {
        guard room.isFree else {
          listener.suspend()
          try await room.waitForRoom { listener.isOpen }
          continue
        }
        try await listener.readable()
        guard listener.isOpen else { break }
        if !takeConnections() {
          listener.suspend()
          try await room.waitForEnd(atMost: Self.shortagePause)
        }
      }
    } catch {
      // The listener has been closed, or the process leaves.
      listener.close()
    }
  }

  /// Ends the loop.
  func close() {
    listener.close()
    room.wake()
  }

  /// Takes what this process may have been woken for, and ends the loop: whoever connects from now
  /// on is for the others that listen.
  func retire() {
    if listener.isOpen { _ = takeConnections(atMost: Self.waitingMax) }
    close()
  }

  /// Takes what waits, within bounds; false when the system has no descriptors left.
  private func takeConnections(atMost limit: Int = burst) -> Bool {
    for _ in 0..<limit where room.isFree {
      do throws(Errno) {
        guard let accepted = try Sockets.accept(listener.raw) else {
          listener.readDrained()
          return true
        }
        let peer = accepted.peer
        begin(accepted.take(), peer)
        room.noteDescriptors()
      } catch {
        room.noteShortage(error, log: log)
        return false
      }
    }
    return true
  }
}

/// How many sessions this process may have at a time.
@ReactorActor
final class SessionRoom {
  private let limit: Int
  private let onStress: @ReactorActor (Bool) -> Void
  private let change = Gate()
  private var isShort = false
  /// Sessions now.
  private(set) var count = 0

  /// Whether the room is nearly full, or has been and is not yet well below that: who comes now
  /// shall leave soon.
  private(set) var isStressed = false

  /// - Parameters:
  ///   - limit: sessions at a time; 0 where other processes take all of a service's few sessions.
  ///   - onStress: called when `isStressed` changes.
  init(limit: Int, onStress: @escaping @ReactorActor (Bool) -> Void = { _ in }) {
    self.limit = limit
    self.onStress = onStress
  }

  /// Whether another session may begin.
  var isFree: Bool { count < limit }

  /// Counts a session that begins.
  func enter() {
    count += 1
    if !isStressed, count * 10 >= limit * 9 { setStress(true) }
  }

  /// Counts a session that has ended.
  func leave() {
    count -= 1
    if isStressed, count * 10 < limit * 7 { setStress(false) }
    change.pulse()
  }

  private func setStress(_ isStressed: Bool) {
    self.isStressed = isStressed
    onStress(isStressed)
  }

  /// Lets go on who waits for a change.
  func wake() { change.pulse() }

  /// Waits until another session may begin, or, after `wake`, until nobody wants one any more.
  func waitForRoom(while isWanted: () -> Bool) async throws(WaitError) {
    try await change.wait { !isFree && isWanted() }
  }

  /// Waits until a session ends, for at most `pause`.
  func waitForEnd(atMost pause: Duration) async throws(WaitError) {
    do throws(WaitError) {
      try await change.wait(deadline: Reactor.shared.now + pause)
    } catch .timedOut {
      return
    }
  }

  /// Says once that descriptors are short.
  func noteShortage(_ error: Errno, log: Log) {
    guard !isShort else { return }
    isShort = true
    log.warning("smtpd", "cannot accept a connection with \(count) sessions open: \(error)")
  }

  /// Notes that a descriptor could be opened.
  func noteDescriptors() { isShort = false }
}
