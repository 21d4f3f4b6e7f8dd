package import LinuxSystem
package import Primitives
package import Reactor
package import SystemPackage

/// What the processes of one role and one configuration show each other: how busy the loop of each
/// is, and how many sessions of each service it has and may have.
///
/// Plain stores into memory of their own, no system call, and nobody waits for anybody. A process
/// that has not begun yet, or has died, shows what is there: nothing, or its last state.
@ReactorActor
package final class LoadBoard {
  /// A service's sessions in one process.
  package struct Sessions: Equatable, Sendable {
    /// Sessions now.
    package var count: Int
    /// Sessions that the process may have.
    package var limit: Int
    /// Whether it takes connections, as far as there is room.
    package var isOpen: Bool

    /// Names the two numbers.
    package init(count: Int, limit: Int, isOpen: Bool = true) {
      self.count = count
      self.limit = limit
      self.isOpen = isOpen
    }

    /// Whether a further one may begin; not so with a process that has not begun.
    package var hasRoom: Bool { isOpen && count < limit }
  }

  /// What a process shows of its loop.
  package struct Pace: Equatable, Sendable {
    /// The number of the turn.
    package var turn: UInt64
    /// For how long the loop has waited for events in its life, the present wait included.
    package var rested: Duration

    /// Names the two.
    package init(turn: UInt64, rested: Duration) {
      self.turn = turn
      self.rested = rested
    }
  }

  /// How many processes there are.
  package let processCount: Int
  /// Which of them this one is.
  package let rank: Int
  private let words: SharedWords
  private let stride: Int

  /// Words of a service: sessions, limit, and whether the process takes connections.
  private nonisolated static let wordsEach = 3
  /// Words that one processor's cache holds together: no two processes write in one of these.
  private nonisolated static let line = 8
  /// Looks at a row that is being written to.
  private static let tries = 4
  /// More sessions than any process has: what another one shows is not to be trusted further.
  private static let sessionsMax = UInt64(Int32.max)

  /// The services by which sessions are counted, from those of all listeners: each name once. The
  /// number of a service on the board is its place here.
  package nonisolated static func services(of listeners: [String]) -> [String] {
    listeners.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// Makes the memory for so many processes and services.
  package nonisolated static func make(
    processes: Int, services: Int
  ) throws(Errno) -> SharedDescriptor {
    let count = max(processes, 1) * stride(services)
    return try SharedWords.make("load-board", count: count).descriptor
  }

  private nonisolated static func stride(_ services: Int) -> Int {
    let words = ReactorLoad.firstFreeWord + wordsEach * services
    return (words + line - 1) / line * line
  }

  /// Has a process that has ended show nothing any more: no sessions, and no room for any.
  package nonisolated static func clear(
    _ descriptor: Int32, rank: Int, services: Int
  ) throws(Errno) {
    let words = try SharedWords(descriptor)
    let stride = stride(services)
    for word in rank * stride..<min((rank + 1) * stride, words.count) { words[word] = 0 }
  }

  /// Maps the memory behind a descriptor, which may be closed afterwards, for the process of a
  /// rank, which has no sessions yet.
  ///
  /// `EINVAL` when there is less memory than these numbers need.
  package init(
    _ descriptor: Int32, processes: Int, services: Int, rank: Int
  ) throws(Errno) {
    precondition(rank >= 0 && rank < processes, "no such process")
    stride = Self.stride(services)
    processCount = processes
    self.rank = rank
    words = try SharedWords(descriptor, count: processes * stride)
    let none = Sessions(count: 0, limit: 0, isOpen: false)
    for service in 0..<services { show(none, of: service) }
  }

  /// Shows from now on how busy this process's loop is.
  package func showLoop() { Reactor.shared.showLoad(in: words, at: rank * stride) }

  /// Shows how many sessions of a service this process has and may have.
  package func show(_ sessions: Sessions, of service: Int) {
    let first = word(of: service, process: rank)
    words[first] = UInt64(clamping: sessions.count)
    words[first + 1] = UInt64(clamping: sessions.limit)
    words[first + 2] = sessions.isOpen ? 1 : 0
  }

  /// A service's sessions in a process.
  package func sessions(of service: Int, process: Int) -> Sessions {
    let first = word(of: service, process: process)
    return Sessions(
      count: Int(min(words[first], Self.sessionsMax)),
      limit: Int(min(words[first + 1], Self.sessionsMax)), isOpen: words[first + 2] == 1)
  }

  /// A service's sessions in all processes together.
  package func sessions(of service: Int) -> Sessions {
    (0..<processCount).reduce(into: Sessions(count: 0, limit: 0)) { sum, process in
      let one = sessions(of: service, process: process)
      sum.count += one.count
      sum.limit += one.limit
    }
  }

  /// What each process shows of its loop.
  package func paces(at now: MonotonicTime) -> [Pace] {
    (0..<processCount).map { pace(of: $0, at: now) }
  }

  private func pace(of process: Int, at now: MonotonicTime) -> Pace {
    let first = process * stride
    var pace = Pace(turn: 0, rested: .zero)
    for _ in 0..<Self.tries {
      let turn = words[first + ReactorLoad.turnWord]
      let since = Int64(clamping: words[first + ReactorLoad.restingWord])
      let past = Int64(clamping: words[first + ReactorLoad.restedWord])
      let present = since > 0 ? max(now.nanoseconds - since, 0) : 0
      pace = Pace(turn: turn / 2, rested: .nanoseconds(past) + .nanoseconds(present))
      if turn % 2 == 0, words[first + ReactorLoad.turnWord] == turn { break }
    }
    return pace
  }

  private func word(of service: Int, process: Int) -> Int {
    process * stride + ReactorLoad.firstFreeWord + Self.wordsEach * service
  }
}
