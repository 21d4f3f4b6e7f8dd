import CLinux
package import SystemPackage

/// A thread that runs one function; all signals are blocked in it.
package struct SystemThread: ~Copyable, Sendable {
  private let handle: UInt

  /// Starts the thread; `name` is cut to 15 bytes.
  package init(name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
    var handle: UInt = 0
    let box = Unmanaged.passRetained(Body(body))
    let result = clinux_thread_start(name, runThread, box.toOpaque(), &handle)
    if result < 0 {
      box.release()
      throw systemError(result)
    }
    self.handle = handle
  }

  /// Waits until the thread has ended.
  package consuming func join() {
    let result = clinux_thread_join(handle)
    precondition(result == 0, "a thread cannot be joined")
  }

  /// Lets the thread end by itself; nobody can wait for it any more.
  package consuming func detach() {
    let result = clinux_thread_detach(handle)
    precondition(result == 0, "a thread cannot be detached")
  }

  fileprivate final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
}

private func runThread(_ box: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  Unmanaged<SystemThread.Body>.fromOpaque(box!).takeRetainedValue().run()
  return nil
}

/// A mutex with a condition variable, for handing work to a thread.
package final class Latch: @unchecked Sendable {
  private let raw: OpaquePointer

  /// Makes an open latch.
  package init() { raw = clinux_latch_create() }

  deinit { clinux_latch_destroy(raw) }

  /// Runs `body` while no other thread holds the latch.
  package func withLock<Result>(_ body: () -> Result) -> Result {
    clinux_latch_lock(raw)
    defer { clinux_latch_unlock(raw) }
    return body()
  }

  /// Lets the latch go until a signal comes; only inside `withLock`. May return early.
  package func wait() { clinux_latch_wait(raw) }

  /// Wakes one waiting thread; inside `withLock` or behind it.
  package func signal() { clinux_latch_signal(raw) }
}
