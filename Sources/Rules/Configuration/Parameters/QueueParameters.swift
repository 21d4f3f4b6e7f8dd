/// The queue: limits, scheduling and lifetimes.
extension Registry {
  static let queue: [any ParameterKey] = [
    IntegerParameter.qmgrMessageActiveLimit,
    IntegerParameter.qmgrMessageRecipientLimit,
    IntegerParameter.qmgrMessageRecipientMinimum,
    IntegerParameter.defaultDestinationConcurrencyLimit,
    IntegerParameter.initialDestinationConcurrency,
    IntegerParameter.defaultDestinationRecipientLimit,
    IntegerParameter.defaultDestinationConcurrencyFailedCohortLimit,
    IntegerParameter.defaultRecipientLimit,
    IntegerParameter.defaultExtraRecipientLimit,
    IntegerParameter.defaultRecipientRefillLimit,
    IntegerParameter.defaultMinimumDeliverySlots,
    IntegerParameter.defaultDeliverySlotCost,
    IntegerParameter.defaultDeliverySlotDiscount,
    IntegerParameter.defaultDeliverySlotLoan,
    IntegerParameter.hashQueueDepth,
    SizeParameter.queueMinfree,
    DurationParameter.minimalBackoffTime,
    DurationParameter.maximalBackoffTime,
    DurationParameter.queueRunDelay,
    DurationParameter.maximalQueueLifetime,
    DurationParameter.bounceQueueLifetime,
    DurationParameter.transportRetryTime,
    DurationParameter.defaultDestinationRateDelay,
    DurationParameter.defaultTransportRateDelay,
    DurationParameter.defaultRecipientRefillDelay,
    DurationParameter.qmgrClogWarnTime,
    DurationParameter.delayWarningTime,
    DurationParameter.qmgrDaemonTimeout,
    DurationParameter.commandTimeLimit,
    FeedbackParameter.defaultDestinationConcurrencyPositiveFeedback,
    FeedbackParameter.defaultDestinationConcurrencyNegativeFeedback,
    FlagParameter.enableLongQueueIDs,
    FlagParameter.softBounce,
    FlagParameter.destinationConcurrencyFeedbackDebug,
  ]
}

extension IntegerParameter {
  /// `qmgr_message_active_limit`
  package static let qmgrMessageActiveLimit = Self(
    "qmgr_message_active_limit", default: "20000", in: 1...Int(Int32.max),
    "Messages in the active queue.")
  /// `qmgr_message_recipient_limit`
  package static let qmgrMessageRecipientLimit = Self(
    "qmgr_message_recipient_limit", default: "20000", in: 1...Int(Int32.max),
    "Recipients in memory.")
  /// `qmgr_message_recipient_minimum`
  package static let qmgrMessageRecipientMinimum = Self(
    "qmgr_message_recipient_minimum", default: "10", in: 1...Int(Int32.max),
    "Recipients in memory that each active message may have.")
  /// `default_destination_concurrency_limit`
  package static let defaultDestinationConcurrencyLimit = Self(
    "default_destination_concurrency_limit", default: "20",
    "Deliveries to one destination at a time; 0 is no limit.")
  /// `initial_destination_concurrency`
  package static let initialDestinationConcurrency = Self(
    "initial_destination_concurrency", default: "5", in: 1...Int(Int32.max),
    "Deliveries to a destination at a time to begin with.")
  /// `default_destination_recipient_limit`
  package static let defaultDestinationRecipientLimit = Self(
    "default_destination_recipient_limit", default: "50",
    "Recipients of one delivery; 0 is no limit.")
  /// `default_destination_concurrency_failed_cohort_limit`
  package static let defaultDestinationConcurrencyFailedCohortLimit = Self(
    "default_destination_concurrency_failed_cohort_limit", default: "1",
    "Rounds of failed deliveries after which a destination counts as dead.")
  /// `default_recipient_limit`
  package static let defaultRecipientLimit = Self(
    "default_recipient_limit", default: "20000", in: 1...Int(Int32.max),
    "Recipients in memory for one transport.")
  /// `default_extra_recipient_limit`
  package static let defaultExtraRecipientLimit = Self(
    "default_extra_recipient_limit", default: "1000",
    "Extra recipients in memory for messages that overtake others.")
  /// `default_recipient_refill_limit`
  package static let defaultRecipientRefillLimit = Self(
    "default_recipient_refill_limit", default: "100", in: 1...Int(Int32.max),
    "Recipients read at a time for a large message.")
  /// `default_minimum_delivery_slots`
  package static let defaultMinimumDeliverySlots = Self(
    "default_minimum_delivery_slots", default: "3", in: 1...Int(Int32.max),
    "Deliveries below which a message is not overtaken.")
  /// `default_delivery_slot_cost`
  package static let defaultDeliverySlotCost = Self(
    "default_delivery_slot_cost", default: "5",
    "Deliveries that earn one chance to overtake.")
  /// `default_delivery_slot_discount`
  package static let defaultDeliverySlotDiscount = Self(
    "default_delivery_slot_discount", default: "50", in: 0...100,
    "Percentage off the deliveries needed to overtake.")
  /// `default_delivery_slot_loan`
  package static let defaultDeliverySlotLoan = Self(
    "default_delivery_slot_loan", default: "3",
    "Deliveries off the number needed to overtake.")
  /// `hash_queue_depth`
  package static let hashQueueDepth = Self(
    "hash_queue_depth", default: "1", in: 1...16,
    "Levels of queue directories; the spool has none.")
}

extension SizeParameter {
  /// `queue_minfree`
  package static let queueMinfree = Self(
    "queue_minfree", default: "0",
    "Free bytes that the spool needs; 0 means what the limits need.")
}

extension DurationParameter {
  /// `minimal_backoff_time`
  package static let minimalBackoffTime = Self(
    "minimal_backoff_time", default: "300s", min: .seconds(1),
    "The shortest pause between attempts.")
  /// `maximal_backoff_time`
  package static let maximalBackoffTime = Self(
    "maximal_backoff_time", default: "4000s", min: .seconds(1),
    "The longest pause between attempts.")
  /// `queue_run_delay`
  package static let queueRunDelay = Self(
    "queue_run_delay", default: "300s", min: .seconds(1),
    "How often the deferred queue is looked at.")
  /// `maximal_queue_lifetime`
  package static let maximalQueueLifetime = Self(
    "maximal_queue_lifetime", default: "5d",
    "How long a message is tried before it is returned.")
  /// `bounce_queue_lifetime`
  package static let bounceQueueLifetime = Self(
    "bounce_queue_lifetime", default: "5d",
    "How long a notice is tried before it is given up.")
  /// `transport_retry_time`
  package static let transportRetryTime = Self(
    "transport_retry_time", default: "60s", min: .seconds(1),
    "The pause after an agent that does not work.")
  /// `default_destination_rate_delay`
  package static let defaultDestinationRateDelay = Self(
    "default_destination_rate_delay", default: "0s",
    "The pause between deliveries to one destination.")
  /// `default_transport_rate_delay`
  package static let defaultTransportRateDelay = Self(
    "default_transport_rate_delay", default: "0s",
    "The pause between deliveries of one transport.")
  /// `default_recipient_refill_delay`
  package static let defaultRecipientRefillDelay = Self(
    "default_recipient_refill_delay", default: "5s", min: .seconds(1),
    "How long more recipients of a large message may be waited for.")
  /// `qmgr_clog_warn_time`
  package static let qmgrClogWarnTime = Self(
    "qmgr_clog_warn_time", default: "300s",
    "How often a clogged active queue is warned of; 0 is never.")
  /// `delay_warning_time`
  package static let delayWarningTime = Self(
    "delay_warning_time", default: "0h",
    "After what time the sender is told of a delay; 0 is never.")
  /// `qmgr_daemon_timeout`
  package static let qmgrDaemonTimeout = Self(
    "qmgr_daemon_timeout", default: "1000s", min: .seconds(1),
    "How long the queue manager may be busy before it counts as stuck.")
  /// `command_time_limit`
  package static let commandTimeLimit = Self(
    "command_time_limit", default: "1000s", min: .seconds(1),
    "How long an external command may run.")
}

extension FeedbackParameter {
  /// `default_destination_concurrency_positive_feedback`
  package static let defaultDestinationConcurrencyPositiveFeedback = Self(
    "default_destination_concurrency_positive_feedback", default: "1",
    "What a good delivery adds to the concurrency of its destination.")
  /// `default_destination_concurrency_negative_feedback`
  package static let defaultDestinationConcurrencyNegativeFeedback = Self(
    "default_destination_concurrency_negative_feedback", default: "1",
    "What a failed delivery takes from the concurrency of its destination.")
}

extension FlagParameter {
  /// `enable_long_queue_ids`
  package static let enableLongQueueIDs = Self(
    "enable_long_queue_ids", default: "yes",
    "Whether queue ids are long and never repeat; they always are.")
  /// `soft_bounce`
  package static let softBounce = Self(
    "soft_bounce", default: "no",
    "Whether permanent failures count as temporary.")
  /// `destination_concurrency_feedback_debug`
  package static let destinationConcurrencyFeedbackDebug = Self(
    "destination_concurrency_feedback_debug", default: "no",
    "Whether changes of concurrency are logged.")
}
