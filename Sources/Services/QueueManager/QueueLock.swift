import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage

/// The exclusive lock without which no queue manager touches the spool (spool rule R16): that of
/// the folder of segments, which is there before any queue manager and never replaced.
@ReactorActor
final class QueueLock {
  private let folder: SharedDescriptor

  private init(_ folder: SharedDescriptor) {
    self.folder = folder
  }

  /// Takes the lock; one that is still held, by a queue manager on its way out, is waited for.
  ///
  /// - Throws: when the lock is not free at the deadline or cannot be taken. A thread may wait for
  ///   it then as long as the process lives, which ends for want of it.
  static func take(in directory: String, deadline: MonotonicTime) async throws(RoleFailure)
    -> QueueLock
  {
    let path = directory + "/segments"
    do throws(Errno) {
      let folder = SharedDescriptor(try Files.open(path, [.read, .directory]))
      if try Files.tryLock(folder.raw) { return QueueLock(folder) }
      if let result = await (try LockWait(folder)).result(deadline: deadline) {
        try result.get()
        return QueueLock(folder)
      }
    } catch {
      throw RoleFailure("cannot lock \(path): \(error)")
    }
    throw RoleFailure("another queue manager holds the lock of \(path)")
  }
}

/// A thread that waits for a lock, and tells when it has it.
@ReactorActor
private final class LockWait {
  private var result: Result<Void, Errno>?
  private let isOver = Gate()

  init(_ file: SharedDescriptor) throws(Errno) {
    let thread = try HelperThread(name: "spool-lock")
    reactorTask {
      self.result = await thread.perform {
        Result { () throws(Errno) in try Files.waitForLock(file.raw) }
      }
      thread.stop()
      self.isOver.open()
    }
  }

  /// What came of it; `nil` when the deadline comes first.
  func result(deadline: MonotonicTime) async -> Result<Void, Errno>? {
    try? await isOver.wait(deadline: deadline)
    return result
  }
}
