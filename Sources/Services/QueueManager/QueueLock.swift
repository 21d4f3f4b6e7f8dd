import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage

/// The exclusive lock without which no queue manager touches the spool (spool rule R16): that of
/// the folder of segments, which is there before any queue manager and never replaced.
@ReactorActor
final class QueueLock {
  private static let pause = Duration.milliseconds(50)

  private let folder: OwnedDescriptor

  private init(_ folder: consuming OwnedDescriptor) {
    self.folder = folder
  }

  /// Takes the lock; one that is still held, by a queue manager on its way out, is waited for.
  ///
  /// - Throws: when the lock is not free at the deadline or cannot be taken.
  static func take(in directory: String, deadline: MonotonicTime) async throws(RoleFailure)
    -> QueueLock
  {
    let path = directory + "/segments"
    do {
      let folder = try Files.open(path, [.read, .directory])
      while try !Files.tryLock(folder.raw) {
        guard Reactor.shared.now < deadline else {
          throw RoleFailure("another queue manager holds the lock of \(path)")
        }
        try await sleep(until: Reactor.shared.now + pause)
      }
      return QueueLock(folder)
    } catch let failure as RoleFailure {
      throw failure
    } catch {
      throw RoleFailure("cannot lock \(path): \(error)")
    }
  }
}
