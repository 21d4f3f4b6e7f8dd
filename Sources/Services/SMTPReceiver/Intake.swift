import LinuxSystem
import MailTypes
import Primitives
import Reactor
import SMTPServerCore
import ServiceKit

/// What all sessions of the process share: the way to the spool and whether it is open.
@ReactorActor
final class Intake {
  let spool: any MessageSpool
  let log: Log
  let memory: BodyMemory
  /// How long a session waits for the disk to take a part of a large message
  /// (`spool_write_timeout`).
  let writeTimeout: Duration
  let replies = BufferPool(capacity: 512, capacityMax: 16 << 10, countMax: 64)
  let contents = BufferPool(capacity: 8 << 10, capacityMax: 64 << 10, countMax: 256)
  let clock = LocalClock()
  /// Where the process shows whose input it works at.
  let page: LifePage
  /// Clients that are not served, because a process died at their input.
  var refusedClients: RefusedClients
  /// Counts what clients do; `nil` where nothing is counted.
  let clients: ClientLedger?
  /// Whom sessions ask about users.
  let authentication: AuthenticationServers
  /// Whether the process is on its way out.
  var isDraining = false
  /// Opens connections to milters.
  let milterDialing: MilterDialing
  /// The shortest time between two notices of trouble of this host's.
  private static let ownNoticePause = Duration.seconds(600)
  private var nextOwnNotice = MonotonicTime(nanoseconds: 0)
  /// What the queue manager says to new mail; `nil` when it is welcome.
  var queueRefusal: SMTPReply?

  init(
    spool: any MessageSpool, log: Log, memory: BodyMemory, page: LifePage,
    refusedClients: RefusedClients, clients: ClientLedger? = nil,
    writeTimeout: Duration = .seconds(300),
    names: LookupThread = LookupThread(name: "hosts", depthMax: 1000, timeout: .seconds(10))
  ) {
    milterDialing = MilterDialing(names: names)
    self.clients = clients
    authentication = AuthenticationServers(log: log)
    self.page = page
    self.refusedClients = refusedClients
    self.spool = spool
    self.log = log
    self.memory = memory
    self.writeTimeout = writeTimeout
    spool.onStall = { isStalled in
      if isStalled {
        log.warning("smtpd", "the spool does not answer: new mail is refused until it does")
      } else {
        log.information("smtpd", "the spool answers again: new mail is welcome")
      }
    }
  }

  /// Whether the postmaster may be told of trouble of this host's, of which many sessions hear at
  /// once: now and then, so that a disk without room is not filled with notices of it.
  func mayTellOfItself() -> Bool {
    let now = Reactor.shared.now
    guard now >= nextOwnNotice else { return false }
    nextOwnNotice = now + Self.ownNoticePause
    return true
  }

  /// The reply to a new MAIL while no mail can be taken; `nil` when it can.
  func refusal() -> SMTPReply? {
    if let queueRefusal { return queueRefusal }
    return spool.isRefusing || spool.isStalled ? .insufficientStorage : nil
  }
}
