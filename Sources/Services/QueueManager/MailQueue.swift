import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import Routing
import ServiceKit
import SystemPackage

/// The queue: all messages, where they lie, who delivers them, and what became of them.
///
/// Its parts stand in extensions: intake, loading, dispatch, results, agents, ends. It never
/// touches the disk itself; helpers do (spool rule R26).
@ReactorActor
final class MailQueue {
  let settings: QueueSettings
  let log: Log
  let disk: LinuxDisk
  /// The same disk for reads on the reactor, which fail where they would wait.
  let cache: LinuxDisk
  let reader: HelperThread
  let journalHelper: HelperThread
  let reportHelper: HelperThread
  let journals: JournalQueue
  /// Services of `master.cf` that deliver, and the role that runs them.
  let services: [String: Role]

  var scheduler: QueueScheduler
  var clock = QueueClock()
  var segments = SegmentTable()
  var transports: [String: Transport] = [:]
  private(set) var routes: RouteTable!
  /// Messages in the active window whose envelope is in memory.
  var messages: [MessageRef: ActiveMessage] = [:]
  /// Recipients that are done, of messages outside the window that have others left.
  var endedRecipients: [MessageRef: Set<UInt32>] = [:]
  /// Why destinations are dead.
  var suspensions = Suspensions()
  /// The scheduler's groups of agents by role; `nil` stands for the queue manager itself.
  var groups: [Role?: AgentGroupNumber] = [:]
  /// Who delivers, by the scheduler's number.
  var agents: [ProcessNumber: Agent] = [:]
  /// The agents whose channel is open.
  var peers: [Agent] = []

  /// Journals that were read for the reasons in them, for tests of cost.
  var reasonReadings = 0
  /// Pulses when a delivery has ended.
  let resultCame = Gate()
  /// Whether deliveries may be asked for.
  var isOpen = false
  var pumpIsPlanned = false
  private(set) lazy var wake = Alarm { self.plan() }
  private(set) lazy var intake = Intake(self)
  private(set) lazy var scanner = Scanner(self)
  private(set) lazy var adoption = Adoption(self)
  private(set) lazy var orphans = Orphans(self)
  private(set) lazy var loader = Loader(self)
  private(set) lazy var sealer = Sealer(self)
  private(set) lazy var bouncer = Bouncer(self)
  private(set) lazy var expirer = Expirer(self)
  private(set) lazy var pressure = BackPressure(self)
  /// Asks `master` for more numbers of segments.
  let needSequences: @ReactorActor () -> Void

  init(
    settings: QueueSettings, log: Log, disk: LinuxDisk, router: Router,
    services: [String: Role] = [:], needSequences: @escaping @ReactorActor () -> Void = {}
  ) throws {
    self.needSequences = needSequences
    self.settings = settings
    self.log = log
    self.disk = disk
    cache = try LinuxDisk(path: settings.directory, readsOnlyCached: true)
    self.services = services
    reader = try HelperThread(name: "spool-read")
    journalHelper = try HelperThread(name: "spool-journal")
    reportHelper = try HelperThread(name: "spool-report")
    journals = JournalQueue(
      helper: journalHelper, log: log, interval: settings.journalSyncInterval)
    scheduler = QueueScheduler(
      settings: settings.scheduler, now: Reactor.shared.now,
      deliverySeed: Self.deliverySeed(Clocks.wallNow()))
    routes = RouteTable(router: router) { self.transport(named: $0) }
    journals.onStall = { self.plan() }
  }

  /// The wall clock in units of 16 us, faster than deliveries are made: the numbers of a life
  /// before never come again.
  private static func deliverySeed(_ now: WallTime) -> UInt64 {
    UInt64(clamping: now.microseconds / 16) & (1 << 47 - 1)
  }
}
