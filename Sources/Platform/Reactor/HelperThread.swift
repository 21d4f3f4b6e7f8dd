import DequeModule
import LinuxSystem
package import SystemPackage

/// One thread that does blocking work for the reactor, one piece after the other.
///
/// It sees no signals. The results of several pieces wake the reactor once.
package final class HelperThread: Sendable {
  private final class Line: @unchecked Sendable {
    let latch = Latch()
    var work = Deque<@Sendable () -> Void>()
    var isStopping = false

    /// Runs pieces until it is told to stop and none is left.
    func run() {
      while let piece = next() { piece() }
    }

    private func next() -> (@Sendable () -> Void)? {
      latch.withLock {
        while work.isEmpty {
          if isStopping { return nil }
          latch.wait()
        }
        return work.removeFirst()
      }
    }
  }

  private let line = Line()
  private let thread: Joinable

  private final class Joinable: @unchecked Sendable {
    var thread: SystemThread?
    init(_ thread: consuming SystemThread) { self.thread = consume thread }
  }

  /// Starts the thread; `name` is cut to 15 bytes. `EAGAIN` when the system has no room for it.
  package init(name: String) throws(Errno) {
    let line = line
    thread = Joinable(try SystemThread(name: name) { line.run() })
  }

  /// The pieces of work that wait; the one being done is not counted.
  package var depth: Int { line.latch.withLock { line.work.count } }

  /// Does `work` on the thread and gives its result. Cannot be cancelled: the work is done.
  package func perform<Result: Sendable>(
    _ work: @escaping @Sendable () -> Result
  ) async -> Result {
    await withUnsafeContinuation { continuation in
      submit { continuation.resume(returning: work()) }
    }
  }

  /// Does `work` on the thread and gives its result or its error.
  package func perform<Value: Sendable, Failure: Error>(
    throwing work: @escaping @Sendable () throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let result: Result<Value, Failure> = await perform {
      do throws(Failure) {
        return .success(try work())
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Does `work` on the thread without telling anyone when it is done.
  package func submit(_ work: @escaping @Sendable () -> Void) {
    line.latch.withLock {
      precondition(!line.isStopping, "work for a thread that has been stopped")
      line.work.append(work)
    }
    // Behind the lock: a thread that is woken inside it goes to sleep again to wait for it.
    line.latch.signal()
  }

  /// Lets the thread finish all work given to it and waits for its end. Blocks.
  package func stop() {
    if closeLine() { thread.thread.take()?.join() }
  }

  /// Lets the thread finish all work given to it and end, without waiting for that.
  package func stopLater() {
    if closeLine() { thread.thread.take()?.detach() }
  }

  /// No more work is taken; tells whether that is new.
  private func closeLine() -> Bool {
    line.latch.withLock {
      defer {
        line.isStopping = true
        line.latch.signal()
      }
      return !line.isStopping
    }
  }
}
