import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage

/// How many sessions of a service this process may have at a time.
@ReactorActor
final class SessionRoom {
  private let limit: Int
  private let board: (board: LoadBoard, service: Int)?
  private let onStress: @ReactorActor (Bool, Int) -> Void
  private let change = Gate()
  private var isClosed = false
  private var isShort = false
  private var isShortageTold = false
  /// Sessions now.
  private(set) var count = 0

  /// Whether the service is nearly full, in all processes together, or has been and is not yet well
  /// below that: who comes now shall leave soon.
  private(set) var isStressed = false

  /// - Parameters:
  ///   - limit: sessions at a time; 0 where other processes take all of a service's few sessions.
  ///   - board: where that is shown to the other processes, and the service's number there.
  ///   - onStress: called when `isStressed` changes, with the sessions that the service may have.
  init(
    limit: Int, board: (board: LoadBoard, service: Int)? = nil,
    onStress: @escaping @ReactorActor (Bool, Int) -> Void = { _, _ in }
  ) {
    self.limit = limit
    self.board = board
    self.onStress = onStress
    show()
  }

  /// Whether another session may begin.
  var isFree: Bool { count < limit }

  /// Counts a session that begins.
  func enter() {
    count += 1
    show()
    settle()
  }

  /// Counts a session that has ended.
  func leave() {
    count -= 1
    show()
    settle()
    change.pulse()
  }

  /// Begins or ends the stress by what all processes have now; who begins a session asks.
  func settle() {
    let all = all
    guard all.limit > 0 else { return }
    if isStressed ? all.count * 10 < all.limit * 7 : all.count * 10 >= all.limit * 9 {
      isStressed.toggle()
      onStress(isStressed, all.limit)
    }
  }

  /// Shows that nobody comes in here any more; who is in may stay.
  func close() {
    isClosed = true
    show()
    change.pulse()
  }

  private var own: LoadBoard.Sessions {
    .init(count: count, limit: limit, isOpen: !isClosed && !isShort)
  }

  private var all: LoadBoard.Sessions {
    guard let (board, service) = board else { return own }
    return board.sessions(of: service)
  }

  private func show() {
    guard let (board, service) = board else { return }
    board.show(own, of: service)
  }

  /// Waits until another session may begin, or, after `close`, until nobody wants one any more.
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

  /// Waits until a time, or until `isWanted` is false after a change.
  func pause(
    until time: MonotonicTime, while isWanted: @ReactorActor () -> Bool
  ) async throws(WaitError) {
    do throws(WaitError) {
      try await change.wait(deadline: time, while: isWanted)
    } catch .timedOut {
      return
    }
  }

  /// Says once that descriptors are short.
  func noteShortage(_ error: Errno, log: Log) {
    isShort = true
    show()
    guard !isShortageTold else { return }
    isShortageTold = true
    log.warning("smtpd", "cannot accept a connection with \(count) sessions open: \(error)")
  }

  /// Notes that it may be tried again to open a descriptor.
  func noteEndOfShortage() {
    isShort = false
    show()
  }

  /// Notes that a descriptor could be opened.
  func noteDescriptors() { isShortageTold = false }
}
