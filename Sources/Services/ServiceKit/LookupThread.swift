import LinuxSystem
package import LookupTables
import Primitives
package import Reactor
import SystemPackage

/// The helper thread of a role that does look-ups which may block or take long, one after the
/// other. It is started by the first of them.
@ReactorActor
package final class LookupThread: LookupWorker {
  private let name: String
  private let depthMax: Int
  private let timeout: Duration
  private var thread: HelperThread?

  /// - Parameters:
  ///   - name: what the system shows as the thread's name.
  ///   - depthMax: look-ups that may wait for their turn; more are refused at once.
  ///   - timeout: how long an answer may take.
  package init(name: String, depthMax: Int, timeout: Duration) {
    self.name = name
    self.depthMax = depthMax
    self.timeout = timeout
  }

  /// The tables that asked it are gone, as after a reload; what is still being looked up is of no
  /// use, and nobody waits for it.
  deinit { thread?.stopLater() }

  @ReactorActor
  private final class Answer<Value: Sendable> {
    let arrival = Gate()
    var value: Result<Value, LookupError>?
  }

  @ReactorActor
  package func answer(
    to work: @escaping @Sendable () -> Result<[UInt8]?, LookupError>, of table: String
  ) async throws(LookupError) -> [UInt8]? {
    try await value(of: table, work)
  }

  /// Does a look-up of any kind on the thread.
  ///
  /// - Parameter table: what is asked, for the error.
  package func value<Value: Sendable>(
    of table: String, _ work: @escaping @Sendable () -> Result<Value, LookupError>
  ) async throws(LookupError) -> Value {
    let thread = try started(for: table)
    guard thread.depth < depthMax else {
      throw .failed(table: table, reason: "\(depthMax) look-ups are waiting")
    }
    let answer = Answer<Value>()
    reactorTask {
      answer.value = await thread.perform(work)
      answer.arrival.open()
    }
    do throws(WaitError) {
      try await answer.arrival.wait(deadline: Reactor.shared.now + timeout)
    } catch {
      throw .failed(table: table, reason: "no answer within \(timeout)")
    }
    guard let value = answer.value else { preconditionFailure("an answer without a value") }
    return try value.get()
  }

  private func started(for table: String) throws(LookupError) -> HelperThread {
    if let thread { return thread }
    do throws(Errno) {
      let thread = try HelperThread(name: name)
      self.thread = thread
      return thread
    } catch {
      throw .failed(table: table, reason: "cannot start a thread: \(error)")
    }
  }
}
