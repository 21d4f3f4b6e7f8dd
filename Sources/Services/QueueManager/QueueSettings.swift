import Configuration
import Primitives
import QueueScheduler
import QueueStore
import ServiceKit

/// What the configuration says about the queue, copied out once.
struct QueueSettings: Sendable {
  /// What a delivery request takes without its recipients: sender, ENVID, transport and next hop.
  private static let requestLengthMax = 6 << 10

  /// `queue_directory`.
  var directory: String
  /// Limits and times of the scheduler.
  var scheduler = SchedulerSettings()
  /// How long a result may be unflushed (`journal_sync_interval`).
  var journalSyncInterval = Duration.seconds(1)
  /// How long agents may take to leave (`drain_time`).
  var drainTime = Duration.seconds(30)
  /// Messages in the queue beyond which new mail is refused (`queue_message_limit`).
  var messageLimit = 5_000_000
  /// Free bytes below which new mail is refused (spool rule R24).
  var freeBytesMin: UInt64 = 32 << 20
  /// The size at which the segment of reports is full (`spool_segment_size`).
  var segmentSize: UInt64 = 64 << 20
  /// When mail is moved out of large segments (spool rule R31).
  var relocation = Relocation.Bounds()
  /// The pause before the same segments are looked at again (`spool_relocation_delay`).
  var relocationDelay = Duration.seconds(60)
  /// How long a write may take before it is reported (`spool_stall_time`).
  var stallTime = Duration.seconds(5)
  /// `myhostname`.
  var hostname = "localhost"
  /// `mail_name`.
  var mailName = "Martinet"
  /// `bounce_size_limit` in bytes.
  var returnedSizeLimit = 50_000
  /// `content_filter`, for mail that is requeued; empty for none.
  var contentFilter = ""
  /// `soft_bounce`.
  var softBounce = false
  /// `enable_original_recipient`.
  var keepsOriginals = true
  /// The sender of notices about reports that could not be delivered (`double_bounce_sender` at
  /// `myhostname`).
  var doubleBounceSender = "double-bounce@localhost"
  /// Who hears of reports besides senders (`notify_classes`).
  var notices = NoticeRecipients()
  /// `confirm_delay_cleared`.
  var confirmsDelayCleared = false
  /// Limits of transports by name.
  var limits: @Sendable (String) -> TransportLimits = { _ in TransportLimits() }

  /// The defaults of Postfix.
  init(directory: String) {
    self.directory = directory
    scheduler.deliverySizeMax = MessageChannel.messageLengthMax - Self.requestLengthMax
  }

  /// What a configuration says.
  init(_ configuration: Configuration) {
    self.init(directory: configuration[.queueDirectory])
    scheduler.activeLimit = configuration[.qmgrMessageActiveLimit]
    scheduler.backoffMin = configuration[.minimalBackoffTime]
    scheduler.backoffMax = configuration[.maximalBackoffTime]
    scheduler.queueRunDelay = configuration[.queueRunDelay]
    scheduler.lifetime = configuration[.maximalQueueLifetime]
    scheduler.bounceLifetime = configuration[.bounceQueueLifetime]
    scheduler.delayWarning = configuration[.delayWarningTime]
    drainTime = configuration[.drainTime]
    softBounce = configuration[.softBounce]
    contentFilter = configuration[.contentFilter]
    keepsOriginals = configuration[.enableOriginalRecipient]
    journalSyncInterval = configuration[.journalSyncInterval]
    messageLimit = configuration[.queueMessageLimit]
    segmentSize = UInt64(configuration[.spoolSegmentSize])
    relocation.sizeMin = UInt64(configuration[.spoolRelocationSizeMin])
    relocation.factor = UInt64(configuration[.spoolRelocationFactor])
    relocationDelay = configuration[.spoolRelocationDelay]
    stallTime = configuration[.spoolStallTime]
    hostname = configuration[.myhostname]
    mailName = configuration[.mailName]
    returnedSizeLimit = Int(clamping: configuration[.bounceSizeLimit])
    doubleBounceSender = "\(configuration[.doubleBounceSender])@\(hostname)"
    notices = NoticeRecipients(configuration)
    confirmsDelayCleared = configuration[.confirmDelayCleared]
    freeBytesMin = Self.freeBytesMin(configuration)
    limits = { Self.limits(of: $0, configuration) }
  }

  /// `queue_minfree`, or what Postfix wants by default: one and a half messages of the largest
  /// size; on top of it the room for journals, reports and relocation (spool rule R24).
  private static func freeBytesMin(_ configuration: Configuration) -> UInt64 {
    let reserve = UInt64(configuration[.spoolReserve])
    let messages = UInt64(configuration[.messageSizeLimit]) / 2 * 3
    return max(UInt64(configuration[.queueMinfree]), messages) + reserve
  }

  private static func limits(
    of transport: String, _ configuration: Configuration
  ) -> TransportLimits {
    var limits = TransportLimits()
    limits.initialConcurrency = configuration.transport(transport, .initialDestinationConcurrency)
    limits.concurrencyLimit = configuration.transport(transport, .destinationConcurrencyLimit)
    limits.recipientLimit = configuration.transport(transport, .destinationRecipientLimit)
    limits.failedCohortLimit = configuration.transport(
      transport, .destinationConcurrencyFailedCohortLimit)
    let positive = configuration.transport(transport, .positive)
    switch positive.divisor {
    case .one: limits.positiveFeedback = .init(amount: positive.amount)
    case .concurrency:
      limits.positiveFeedback = .init(amount: positive.amount, dividedBy: .concurrency)
    case .squareRoot:
      limits.positiveFeedback = .init(
        amount: positive.amount, dividedBy: .squareRootOfConcurrency)
    }
    let negative = configuration.transport(transport, .negative)
    switch negative.divisor {
    case .one: limits.negativeFeedback = .init(amount: negative.amount)
    case .concurrency:
      limits.negativeFeedback = .init(amount: negative.amount, dividedBy: .concurrency)
    case .squareRoot:
      limits.negativeFeedback = .init(
        amount: negative.amount, dividedBy: .squareRootOfConcurrency)
    }
    return limits
  }
}
