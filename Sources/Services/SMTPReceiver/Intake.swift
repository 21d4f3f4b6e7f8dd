import LinuxSystem
import MailTypes
import Primitives
import Reactor
import SMTPServerCore
import ServiceKit

/// What all sessions of the process share: the way to the spool and whether it is open.
@ReactorActor
final class Intake {
  /// A commit that takes longer closes the door to new mail (spool rule R33).
  private static let commitAgeMax = Duration.seconds(5)

  let spool: any MessageSpool
  let log: Log
  let memory: BodyMemory
  let replies = BufferPool(capacity: 512, capacityMax: 16 << 10, countMax: 64)
  let contents = BufferPool(capacity: 8 << 10, capacityMax: 64 << 10, countMax: 256)
  let clock = LocalClock()
  /// Where the process shows whose input it works at.
  let page: LifePage
  /// Clients that are not served, because a process died at their input.
  var refusedClients: RefusedClients
  /// Whether the process is on its way out.
  var isDraining = false
  /// What the queue manager says to new mail; `nil` when it is welcome.
  var queueRefusal: SMTPReply?
  private var commitsAreSlow = false

  init(
    spool: any MessageSpool, log: Log, memory: BodyMemory, page: LifePage,
    refusedClients: RefusedClients
  ) {
    self.page = page
    self.refusedClients = refusedClients
    self.spool = spool
    self.log = log
    self.memory = memory
  }

  /// The reply to a new MAIL while no mail can be taken; `nil` when it can.
  func refusal() -> SMTPReply? {
    if let queueRefusal { return queueRefusal }
    if spool.isRefusing { return .insufficientStorage }
    let isSlow = spool.oldestCommitAge > Self.commitAgeMax
    if isSlow != commitsAreSlow {
      commitsAreSlow = isSlow
      log.warning(
        "smtpd",
        isSlow
          ? "the spool has not answered for 5 s: new mail is refused"
          : "the spool answers again")
    }
    return isSlow ? .insufficientStorage : nil
  }
}
