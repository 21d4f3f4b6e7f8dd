import Glibc
import LinuxSystem
import Primitives
import SystemPackage

/// How a mailbox file is locked against other programs, and how long that is tried.
package struct MailboxLock: Equatable, Sendable {
  /// A way to lock: all that are set are used.
  package struct Ways: OptionSet, Sendable {
    /// The ways as bits.
    package let rawValue: UInt8

    /// Makes a set of bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `fcntl(2)`.
    package static let fcntl = Ways(rawValue: 1)
    /// `flock(2)`.
    package static let flock = Ways(rawValue: 2)
    /// A file beside it whose name ends in `.lock`.
    package static let dotlock = Ways(rawValue: 4)

    /// The ways that a configuration names, such as `fcntl, dotlock`, which knows no other words.
    package init(_ words: [String]) {
      self = []
      for word in words {
        switch word {
        case "fcntl": insert(.fcntl)
        case "flock": insert(.flock)
        case "dotlock": insert(.dotlock)
        default: preconditionFailure("no way to lock is called \(word)")
        }
      }
    }
  }

  /// The ways.
  package var ways: Ways
  /// How often it is tried to get a lock (`deliver_lock_attempts`).
  package var attempts = 20
  /// The pause between two attempts (`deliver_lock_delay`), in milliseconds.
  package var pause: Int64 = 1000
  /// The age at which a lock file is taken for left behind (`stale_lock_time`), in seconds.
  package var staleAge: Int64 = 500
  /// The socket of who waits for the delivery; -1 for nobody. When its other end has closed nobody
  /// hears what became of the mail, which is delivered anew: so it is not delivered here. It does
  /// not travel.
  var waiter: Int32 = -1

  /// A lock in these ways, with Postfix's limits.
  package init(_ ways: Ways) { self.ways = ways }

  /// Makes the lock file of a mailbox.
  func takeFile(of path: String) throws(MailboxError) {
    let name = path + ".lock"
    for attempt in 1... {
      do throws(Errno) {
        let file = try Files.open(name, [.write, .create, .exclusive])
        file.close()
        return
      } catch {
        guard error == .fileExists, attempt < attempts else {
          throw MailboxError(step: "unable to create lock file \(name)", cause: error)
        }
      }
      if !removeIfStale(name) { try rest() }
    }
  }

  /// Locks an open mailbox.
  func take(_ file: Int32) throws(MailboxError) {
    for attempt in 1... {
      if ways.isDisjoint(with: .fcntl) || lockRegion(file) {
        if ways.isDisjoint(with: .flock) || (try? Files.tryLock(file)) == true {
          return try wait(milliseconds: 0)
        }
      }
      guard attempt < attempts else {
        throw MailboxError(
          step: "unable to lock for exclusive access", cause: .resourceTemporarilyUnavailable)
      }
      try rest()
    }
  }

  private func lockRegion(_ file: Int32) -> Bool {
    var region = Glibc.flock()
    region.l_type = Int16(F_WRLCK)
    region.l_whence = Int16(SEEK_SET)
    return Glibc.fcntl(file, F_SETLK, &region) == 0
  }

  private func removeIfStale(_ name: String) -> Bool {
    do throws(Errno) {
      guard isStale(try Files.status(name, follow: false)) else { return false }
      return try remove(name)
    } catch {
      // Its owner has removed it meanwhile, or nobody may: the next attempt shows.
      return error == .noSuchFileOrDirectory
    }
  }

  private func isStale(_ file: FileStatus) -> Bool {
    Clocks.wallNow().seconds - file.modified.seconds > staleAge
  }

  /// Removes a stale lock file, but not the one that another process, which found it stale as well,
  /// has made in its place since: both would hold the lock. Of those who remove a file each has it
  /// locked.
  private func remove(_ name: String) throws(Errno) -> Bool {
    let file: OwnedDescriptor
    do throws(Errno) {
      file = try Files.open(name, [.read, .noFollow, .nonblocking])
    } catch {
      guard error == .permissionDenied else { throw error }
      // One of another user's.
      try Files.unlink(name)
      return true
    }
    // Where no such lock is to be had the comparison has to do.
    let isLocked = (try? Files.tryLock(file.raw)) ?? true
    guard isLocked else { return false }
    let own = try Files.status(of: file.raw)
    let named = try Files.status(name, follow: false)
    guard own.inode == named.inode, own.device == named.device, isStale(own) else { return false }
    try Files.unlink(name)
    return true
  }

  /// No event tells when another program gives a lock back, least of all over a network file
  /// system; the process that waits does nothing else.
  private func rest() throws(MailboxError) { try wait(milliseconds: pause) }

  /// Waits so long unless the one who waits goes away.
  private func wait(milliseconds: Int64) throws(MailboxError) {
    // Nothing is asked for: the end comes by itself.
    var event = pollfd(fd: waiter, events: 0, revents: 0)
    if poll(&event, 1, Int32(clamping: milliseconds)) > 0 {
      throw MailboxError(step: "nobody waits for the delivery any more", cause: nil)
    }
  }
}
