/// The number of a transport that is set with `<transport>_SUFFIX`.
package enum TransportInteger: String, CaseIterable, Sendable {
  /// Deliveries to one destination at a time; 0 is no limit.
  case destinationConcurrencyLimit = "_destination_concurrency_limit"
  /// Deliveries to a destination at a time to begin with.
  case initialDestinationConcurrency = "_initial_destination_concurrency"
  /// Recipients of one delivery; 0 is no limit.
  case destinationRecipientLimit = "_destination_recipient_limit"
  /// Rounds of failed deliveries after which a destination counts as dead; 0 is never.
  case destinationConcurrencyFailedCohortLimit =
    "_destination_concurrency_failed_cohort_limit"
  /// Recipients in memory.
  case recipientLimit = "_recipient_limit"
  /// Extra recipients in memory for messages that overtake others.
  case extraRecipientLimit = "_extra_recipient_limit"
  /// Recipients read at a time for a large message.
  case recipientRefillLimit = "_recipient_refill_limit"
  /// Deliveries below which a message is not overtaken.
  case minimumDeliverySlots = "_minimum_delivery_slots"
  /// Deliveries that earn one chance to overtake.
  case deliverySlotCost = "_delivery_slot_cost"
  /// Percentage off the deliveries needed to overtake.
  case deliverySlotDiscount = "_delivery_slot_discount"
  /// Deliveries off the number needed to overtake.
  case deliverySlotLoan = "_delivery_slot_loan"
}

/// The time of a transport that is set with `<transport>_SUFFIX`.
package enum TransportDuration: String, CaseIterable, Sendable {
  /// The pause between deliveries to one destination.
  case destinationRateDelay = "_destination_rate_delay"
  /// The pause between deliveries of the transport.
  case transportRateDelay = "_transport_rate_delay"
  /// How long more recipients of a large message may be waited for.
  case recipientRefillDelay = "_recipient_refill_delay"
  /// How long an external command may run.
  case timeLimit = "_time_limit"
}

/// The concurrency feedback of a transport that is set with `<transport>_SUFFIX`.
package enum TransportFeedback: String, CaseIterable, Sendable {
  /// What a good delivery adds to the concurrency of its destination.
  case positive = "_destination_concurrency_positive_feedback"
  /// What a failed delivery takes from it.
  case negative = "_destination_concurrency_negative_feedback"
}

/// The parameters that every transport of `master.cf` has.
enum TransportParameters {
  /// Suffix and the parameter that holds the default, the longest suffix first.
  private static let families: [(suffix: String, general: String)] = {
    let suffixes =
      TransportInteger.allCases.map(\.rawValue) + TransportDuration.allCases.map(\.rawValue)
      + TransportFeedback.allCases.map(\.rawValue)
    return suffixes.sorted { $0.utf8.count > $1.utf8.count }.map { suffix in
      switch suffix {
      case TransportInteger.initialDestinationConcurrency.rawValue:
        (suffix, "initial_destination_concurrency")
      case TransportDuration.timeLimit.rawValue: (suffix, "command_time_limit")
      default: (suffix, "default" + suffix)
      }
    }
  }()

  /// Defaults of single transports that are not the general ones.
  private static let exceptions = [
    "local_destination_concurrency_limit": "2",
    "local_destination_recipient_limit": "1",
  ]

  /// The transport and the declaration behind a name such as `smtp_destination_rate_delay`.
  static func find(_ name: String) -> (transport: String, declaration: Declaration)? {
    guard Registry.find(name) == nil else { return nil }
    for family in families where name.hasSuffix(family.suffix) {
      let transport = String(name.dropLast(family.suffix.count))
      guard !transport.isEmpty, let general = Registry.find(family.general) else { return nil }
      let text = exceptions[name] ?? "$\(family.general)"
      return (
        transport, Declaration(name, default: text, general.kind, general.summary)
      )
    }
    return nil
  }

  /// The names of all parameters of a transport but its time limit, which only commands have.
  static func names(ofTransport transport: String) -> [String] {
    families.map(\.suffix).filter { $0 != TransportDuration.timeLimit.rawValue }
      .map { transport + $0 }
  }

  /// The unexpanded default of a transport's parameter; `nil` for other names.
  static func defaultText(_ name: String) -> String? {
    guard let found = find(name), case .text(let text) = found.declaration.defaultValue else {
      return nil
    }
    return text
  }
}

extension Configuration {
  /// A number of a transport: what is set for it, else the general value.
  ///
  /// It is evaluated at each call, and was checked when the configuration was loaded.
  package func transport(_ name: String, _ key: TransportInteger) -> Int {
    guard case .integer(let value) = value(ofTransport: name + key.rawValue) else {
      preconditionFailure("\(key) is not an integer")
    }
    return value
  }

  /// A time of a transport: what is set for it, else the general value.
  package func transport(_ name: String, _ key: TransportDuration) -> Duration {
    guard case .duration(let value) = value(ofTransport: name + key.rawValue) else {
      preconditionFailure("\(key) is not a duration")
    }
    return value
  }

  /// A concurrency feedback of a transport: what is set for it, else the general value.
  package func transport(_ name: String, _ key: TransportFeedback) -> ConcurrencyFeedback {
    guard case .feedback(let value) = value(ofTransport: name + key.rawValue) else {
      preconditionFailure("\(key) is not a feedback")
    }
    return value
  }

  private func value(ofTransport name: String) -> ParameterValue {
    guard let found = TransportParameters.find(name) else {
      preconditionFailure("\(name) is not a parameter of a transport")
    }
    var reported: [Diagnostic] = []
    return layers.evaluate(found.declaration, diagnostics: &reported)
  }
}
