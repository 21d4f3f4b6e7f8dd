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
  private let reserve: Reserve?

  /// - Parameters:
  ///   - reserve: tells when to take connections; without one they are always taken.
  ///   - begin: starts a session; it counts itself in `room`.
  init(
    _ socket: consuming OwnedDescriptor, room: SessionRoom, log: Log, reserve: Reserve? = nil,
    begin: @escaping @ReactorActor (consuming OwnedDescriptor, SocketAddress) -> Void
  ) throws(Errno) {
    listener = try Watched(socket, as: .sharedListener)
    self.room = room
    self.log = log
    self.reserve = reserve
    self.begin = begin
    if reserve != nil { listener.listenInReserve(true) }
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
        guard try await isToTake(), listener.isOpen else { continue }
        // Who takes what others leave, and goes back into reserve, takes all of it.
        let isRescue = reserve.map { $0.calledUntil == nil } ?? false
        if !takeConnections(atMost: isRescue ? Self.waitingMax : Self.burst) {
          listener.suspend()
          try await room.waitForEnd(atMost: Self.shortagePause)
          room.noteEndOfShortage()
        }
      }
    } catch {
      // The listener has been closed, or the process leaves.
      listener.close()
    }
  }

  /// Waits for a connection; false when it is for another process, or when the time of this one to
  /// take connections is over.
  private func isToTake() async throws(WaitError) -> Bool {
    guard let reserve else {
      try await listener.readable()
      return true
    }
    if let until = reserve.calledUntil {
      do throws(WaitError) {
        try await listener.readable(deadline: until)
        return true
      } catch .timedOut {
        _ = reserve.ask(isLate: false)
        if reserve.calledUntil == nil { listener.listenInReserve(true) }
        return false
      }
    }
    try await listener.readable()
    guard listener.isOpen else { return false }
    let patience = reserve.noteConnection()
    // Nothing is heard until then: a wake-up for each connection would be what a reserve saves.
    listener.suspend()
    var takes = true
    if reserve.calledUntil == nil {
      try await room.pause(until: patience) { listener.isOpen }
      guard listener.isOpen else { return false }
      takes = reserve.ask(isLate: Sockets.hasConnection(listener.raw))
    }
    if reserve.calledUntil != nil { listener.listenInReserve(false) }
    return takes
  }

  /// Ends the loop.
  func close() {
    listener.close()
    room.close()
  }

  /// Takes what this process may have been woken for, and ends the loop: whoever connects from now
  /// on is for the others that listen.
  func retire() {
    let isWoken = reserve.map { $0.calledUntil != nil } ?? true
    if listener.isOpen, isWoken { _ = takeConnections(atMost: Self.waitingMax) }
    close()
  }

  /// Takes what waits, within bounds; false when the system has no descriptors left.
  private func takeConnections(atMost limit: Int) -> Bool {
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
