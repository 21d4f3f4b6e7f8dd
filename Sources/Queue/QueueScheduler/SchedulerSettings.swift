/// What the administrator sets for the queue as a whole.
package struct SchedulerSettings: Sendable {
  /// Messages in the active window (`qmgr_message_active_limit`).
  package var activeLimit = 20_000
  /// Records that may be on their way from the disk at once.
  package var loadsLimit = 256
  /// The shortest time between two attempts, and the rest of a dead destination
  /// (`minimal_backoff_time`).
  package var backoffMin = Duration.seconds(300)
  /// The longest time between two attempts (`maximal_backoff_time`).
  package var backoffMax = Duration.seconds(4000)
  /// The grain of the retry calendar (`queue_run_delay`): mail waits for the first run at or after
  /// its time.
  package var queueRunDelay = Duration.seconds(300)
  /// How long mail is tried (`maximal_queue_lifetime`).
  package var lifetime = Duration.seconds(5 * 86_400)
  /// How long mail from the null sender is tried (`bounce_queue_lifetime`).
  package var bounceLifetime = Duration.seconds(5 * 86_400)
  /// After what time the sender is told of a delay (`delay_warning_time`); zero is never.
  package var delayWarning = Duration.zero
  /// Deaths of agent processes under one message after which it is held (spool rule R19).
  package var deathsMax = 3
  /// Deliveries for one destination that its home process takes before others help (rule R35).
  package var homeConcurrency = 20
  /// What the recipients of one delivery may take of its request, in bytes (spool rule R27).
  package var deliverySizeMax = 44 << 10
  /// The most recipients in a delivery where the transport has no limit, so that its result, too,
  /// has room for what was said of each.
  package var deliveryRecipientsMax = 1000
  /// Destinations without mail whose numbers are remembered.
  package var idleDestinationsMax = 1000

  /// The defaults of Postfix.
  package init() {}
}

/// What the administrator sets for the destinations of one transport.
package struct TransportLimits: Sendable {
  /// Deliveries at once when nothing is known yet
  /// (`<transport>_initial_destination_concurrency`).
  package var initialConcurrency = 5
  /// The most deliveries at once (`<transport>_destination_concurrency_limit`); 0 for no limit.
  package var concurrencyLimit = 20
  /// The most recipients in a delivery (`<transport>_destination_recipient_limit`); 0 for no limit.
  package var recipientLimit = 50
  /// What a delivery without trouble adds (`…_destination_concurrency_positive_feedback`).
  package var positiveFeedback = ConcurrencyFeedback(amount: 1)
  /// What a failed connection or handshake takes (`…_negative_feedback`).
  package var negativeFeedback = ConcurrencyFeedback(amount: 1)
  /// Failed pseudo-cohorts that a destination survives (`…_failed_cohort_limit`); 0 for any number.
  package var failedCohortLimit = 1
  /// Deliveries of the transport at once (the `maxproc` column of `master.cf`); 0 for no limit.
  package var deliveriesMax = 0

  /// The defaults of Postfix.
  package init() {}
}

/// A feedback amount: a number from 0 to 1, perhaps divided by a function of the concurrency.
package struct ConcurrencyFeedback: Hashable, Sendable {
  /// What the amount is divided by.
  package enum Divisor: Sendable { case one, concurrency, squareRootOfConcurrency }

  /// The number.
  package var amount: Double
  /// Its divisor.
  package var divisor: Divisor

  /// `amount`, `amount / concurrency` or `amount / sqrt(concurrency)`.
  package init(amount: Double, dividedBy divisor: Divisor = .one) {
    self.amount = amount
    self.divisor = divisor
  }

  func value(at concurrency: Int) -> Double {
    switch divisor {
    case .one: amount
    case .concurrency: amount / Double(concurrency)
    case .squareRootOfConcurrency: amount / Double(concurrency).squareRoot()
    }
  }
}
