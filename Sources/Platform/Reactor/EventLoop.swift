import CLinux
import DequeModule
import LinuxSystem
import Primitives

/// Waiting for the kernel, and handing out what it says.
///
/// A turn: wait; take the time; mark ready descriptors; take what other threads sent; expire
/// deadlines; run jobs until there are none; end-of-turn actions.
@ReactorActor
final class EventLoop {
  let epoll: Int32
  var now = Clocks.monotonicNow()
  var turn: UInt64 = 0
  var isFinished = false
  var table = DescriptorTable()
  var deadlines = DeadlineHeap()
  var endActions: [@ReactorActor () -> Void] = []
  var yielded: [UnsafeContinuation<Void, Never>] = []
  var metrics = Reactor.Metrics()
  /// Where the turns are shown to other processes.
  var page: SharedPage?
  /// Where other processes see how busy the loop is.
  var load: LoadShower?
  /// A turn that takes longer is reported to `lagged`.
  var lagLimit = Duration.seconds(3600)
  var lagged: (@ReactorActor (Duration) -> Void)?
  private let timer: Int32
  /// Turns in a row that may not have seen all events.
  private var postponed = 0
  /// When the kernel's timer rings; `max` when it is off.
  private var armedAt = Int64.max
  private let events = UnsafeMutablePointer<clinux_event>.allocate(capacity: eventLimit)

  private nonisolated static let eventLimit = 256
  /// Turns in which deadlines wait because the kernel had more to say than one turn takes: the
  /// most events that such a process has.
  private static let postponedMax = 64
  /// Jobs between two looks at the descriptors, against tasks that wake each other for ever.
  private static let jobLimit = 4096
  private static let wakeToken = UInt64.max
  private static let timerToken = UInt64.max - 1

  nonisolated init() {
    epoll = clinux_epoll_create()
    timer = clinux_timerfd()
    precondition(epoll >= 0 && timer >= 0, "no descriptors for the reactor")
  }

  func run() {
    let reactor = Reactor.shared
    // Edge-triggered: every wake-up and every ring is an event, none of them needs to be read.
    let added = clinux_epoll_add(
      epoll, reactor.inbox.wakeDescriptor, clinux_epollin | clinux_epollet, Self.wakeToken)
    let timed = clinux_epoll_add(epoll, timer, clinux_epollin | clinux_epollet, Self.timerToken)
    precondition(added >= 0 && timed >= 0, "the reactor cannot watch its own descriptors")
    now = Clocks.monotonicNow()
    runJobs(reactor)
    while !isFinished {
      waitForEvents(reactor)
      reactor.inbox.drain()
      resumeYielded()
      expireDeadlines()
      runJobs(reactor)
    }
  }

  private func waitForEvents(_ reactor: Reactor) {
    armTimer()
    let turnEnd = Clocks.monotonicNow()
    noteLag(at: turnEnd)
    page?.store(0, at: ReactorPage.workWord)
    let busy = !reactor.ready.isEmpty || !yielded.isEmpty || !endActions.isEmpty
    let timeout: Int32 = busy || !reactor.inbox.maySleep() ? 0 : -1
    if timeout != 0 { load?.rest(at: turnEnd.nanoseconds) }
    let count = clinux_epoll_wait(epoll, events, Int32(Self.eventLimit), timeout)
    precondition(count >= 0, "the reactor cannot wait")
    now = Clocks.monotonicNow()
    turn &+= 1
    load?.work(at: now.nanoseconds, turn: turn)
    page?.store(turn, at: ReactorPage.turnWord)
    metrics.turns += 1
    if now.nanoseconds >= armedAt { armedAt = .max }
    for index in 0..<Int(count) { dispatch(events[index]) }
    postponed = count < Self.eventLimit ? 0 : postponed + 1
  }

  /// Measures the turn that ends here. What `lagged` leaves for the end of a turn keeps the loop
  /// from waiting.
  private func noteLag(at turnEnd: MonotonicTime) {
    let lag = turnEnd.since(now)
    metrics.longestTurn = max(metrics.longestTurn, lag)
    if lag > lagLimit { lagged?(lag) }
  }

  private func dispatch(_ event: clinux_event) {
    guard event.token < Self.timerToken else { return }
    metrics.events += 1
    if let watched = table.find(event.token) {
      watched.handle(event.events)
    } else {
      metrics.staleEvents += 1
    }
  }

  private func armTimer() {
    guard let earliest = deadlines.first, earliest < armedAt else { return }
    // Most deadlines are dropped before they come: ringing for those would cost a turn each.
    guard let first = deadlines.settledFirst(), first < armedAt else { return }
    // A time of zero would turn the timer off.
    let result = clinux_timerfd_arm(timer, max(first, 1))
    precondition(result >= 0, "the reactor's timer cannot be set")
    armedAt = first
  }

  /// What came in time is seen before its deadline passes, also when the process stood still for
  /// longer than that and there is much to see.
  private func expireDeadlines() {
    guard postponed == 0 || postponed > Self.postponedMax else { return }
    while let entry = deadlines.popDue(at: now.nanoseconds) {
      metrics.expiries += 1
      entry.expired()
    }
  }

  private func resumeYielded() {
    guard !yielded.isEmpty else { return }
    let resumed = yielded
    yielded.removeAll(keepingCapacity: true)
    for continuation in resumed { continuation.resume() }
  }

  private func runJobs(_ reactor: Reactor) {
    let serial = reactor.asUnownedSerialExecutor()
    let task = reactor.asUnownedTaskExecutor()
    let claimsAllJobs = reactor.claimsAllJobs
    var left = Self.jobLimit
    while left > 0 {
      while left > 0, let job = reactor.ready.popFirst() {
        // A job must run in the context that its task asks for, or each call would queue it anew.
        if claimsAllJobs {
          job.runSynchronously(on: serial)
        } else {
          job.runSynchronously(isolatedTo: serial, taskExecutor: task)
        }
        left -= 1
      }
      if endActions.isEmpty { break }
      let actions = endActions
      endActions.removeAll(keepingCapacity: true)
      for action in actions { action() }
      left -= 1
    }
    metrics.jobs += Self.jobLimit - left
  }
}
