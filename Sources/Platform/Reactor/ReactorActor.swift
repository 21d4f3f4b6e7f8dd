import CLinux

/// The global actor of everything that runs on a process's one event loop.
@globalActor
package actor ReactorActor {
  /// The one instance.
  package static let shared = ReactorActor()

  /// Its executor is the loop itself.
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    Reactor.shared.asUnownedSerialExecutor()
  }

  /// Runs `body` as a part of the reactor; the calling thread must be the reactor's. For callbacks
  /// that C code makes from inside the loop.
  package static func assumeIsolated<Result, Failure: Error>(
    _ body: @ReactorActor () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(clinux_is_reactor_thread(), "not on the reactor")
    typealias Isolated = @ReactorActor () throws(Failure) -> Result
    typealias Plain = () throws(Failure) -> Result
    return try withoutActuallyEscaping(body) { (body: @escaping Isolated) throws(Failure) in
      try unsafeBitCast(body, to: Plain.self)()
    }
  }
}

/// Starts a task on the reactor. It begins in this turn, after the code that called.
///
/// Where the reactor claims all jobs of the process the task needs no executor preference, which
/// the runtime would look up under a lock at each step of the task: a third of the user time of a
/// round trip.
@discardableResult
package func reactorTask(
  _ body: @escaping @Sendable @ReactorActor () async -> Void
) -> Task<Void, Never> {
  if Reactor.shared.claimsAllJobs {
    Task { @ReactorActor in await body() }
  } else {
    Task(executorPreference: Reactor.shared) { await body() }
  }
}
