import AddressRewriting
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
  /// The queue manager's name in those of its segments.
  nonisolated static let writerName = "qmgr"

  /// What the configuration says; a reload changes it.
  var settings: QueueSettings
  let log: Log
  let disk: LinuxDisk
  /// The same disk for reads on the reactor, which fail where they would wait.
  let cache: LinuxDisk
  let reader: HelperThread
  let journalHelper: HelperThread
  let reportHelper: HelperThread
  let journals: JournalQueue
  /// Which records are in hand; `nil` where no `master` keeps the memory for it.
  let marks: RecordMarks?
  /// Services of `master.cf` that deliver, and the role that runs them.
  var services: [String: Role]

  var scheduler: QueueScheduler
  var clock = QueueClock()
  var segments = SegmentTable()
  var transports: [String: Transport] = [:]
  var routes: RouteTable!
  /// What becomes of the recipients of the queue manager's own mail.
  var rewriting: EnvelopeRewriting
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
  /// The scheduler's process for what ended agents left, once there was something.
  var endedProcess: ProcessNumber?
  /// The processes that deliver by the configuration in force; `nil` for all.
  var deliverers: Set<ProcessName>?
  /// The agents that live.
  var peers: [Agent] = []

  /// Recipients routed since others had their turn.
  var recipientsInStretch = 0
  /// Journals that were read for the reasons in them, for tests of cost.
  var reasonReadings = 0
  /// Pulses when a delivery has ended.
  let resultCame = Gate()
  /// Whether deliveries may be asked for.
  var isOpen = false { didSet { hasOpened = hasOpened || isOpen } }
  /// Whether deliveries have been asked for in this life.
  private(set) var hasOpened = false
  /// Whether all that was in the spool at the start is known.
  var isSettled = false
  /// Pulses when that may have come about.
  let settling = Gate()
  var pumpIsPlanned = false
  private(set) lazy var wake = Alarm { self.plan() }
  private(set) lazy var intake = Intake(self)
  private(set) lazy var scanner = Scanner(self)
  private(set) lazy var adoption = Adoption(self)
  private(set) lazy var leftResults = LeftResults(self)
  private(set) lazy var orphans = Orphans(self)
  private(set) lazy var loader = Loader(self)
  private(set) lazy var sealer = Sealer(self)
  /// Writes the queue manager's own records: reports, copies, and what takes the place of requeued
  /// mail.
  private(set) lazy var writer = makeWriter()
  private(set) lazy var mover = Mover(self)
  private(set) lazy var bouncer = Bouncer(self)
  private(set) lazy var expirer = Expirer(self)
  private(set) lazy var delayWarner = DelayWarner(self)
  private(set) lazy var quarantine = Quarantine(self)
  private(set) lazy var requeuer = Requeuer(self)
  private(set) lazy var forwarder = Forwarder(self)
  private(set) lazy var pressure = BackPressure(self)
  /// Asks `master` for more numbers of segments.
  let needSequences: @ReactorActor () -> Void

  init(
    settings: QueueSettings, log: Log, disk: LinuxDisk, router: Router,
    rewriting: EnvelopeRewriting, services: [String: Role] = [:], marks: RecordMarks? = nil,
    needSequences: @escaping @ReactorActor () -> Void = {}
  ) throws {
    self.marks = marks
    self.needSequences = needSequences
    self.settings = settings
    self.rewriting = rewriting
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

  private func makeWriter() -> SpoolWriter {
    var values = SpoolWriter.Settings()
    values.segmentSize = settings.segmentSize
    values.stallTime = settings.stallTime
    let writer = SpoolWriter(
      disk: disk, writer: Self.writerName, settings: values, helper: reportHelper,
      onProgress: { [unowned self] in
        intake.announce(SegmentMark($0), by: ProcessName(role: .qmgr, index: 0))
      },
      onLowSequences: { [unowned self] in needSequences() })
    writer.stalls.onChange = { [log] isStalled in
      if isStalled {
        log.warning("qmgr", "the spool does not answer")
      } else {
        log.information("qmgr", "the spool answers again")
      }
    }
    return writer
  }

  /// The wall clock in units of 16 us, faster than deliveries are made: the numbers of a life
  /// before never come again.
  private static func deliverySeed(_ now: WallTime) -> UInt64 {
    UInt64(clamping: now.microseconds / 16) & (1 << 47 - 1)
  }
}
