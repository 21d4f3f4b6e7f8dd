package import MailTypes

/// What access policy says about a command.
package struct AccessVerdict: Equatable, Sendable {
  /// The reply that refuses the command; `nil` lets it pass.
  package var refusal: SMTPReply?
  /// What the log has to hold, in order.
  package var notices: [AccessNotice] = []
  /// Whether the session ends without a reply.
  package var hangsUp = false
  /// What is to happen to the message once it is accepted.
  package var orders = MessageOrders()

  /// A verdict that lets everything pass.
  package init() {}

  /// Whether nothing has to be done.
  package var isPlain: Bool {
    refusal == nil && notices.isEmpty && !hangsUp && orders.isEmpty
  }
}

/// One line for the log.
package struct AccessNotice: Hashable, Sendable {
  /// What the line begins with.
  package enum Kind: String, Sendable {
    /// The command was refused.
    case reject
    /// It would have been, but for `warn_if_reject`.
    case rejectWarning = "reject_warning"
    /// A table said WARN.
    case warn
    /// A table said INFO.
    case info
    /// A table said DISCARD.
    case discard
    /// A table said HANGUP.
    case hangup
    /// A table said HOLD.
    case hold
    /// A table said FILTER.
    case filter
    /// A table said REDIRECT.
    case redirect
    /// A table said BCC.
    case bcc
    /// It was permitted, and `smtpd_log_access_permit_actions` wants to hear of it.
    case permit
    /// Something is wrong with the configuration or a table: a `warning:` line without the client.
    case fault = "warning"
  }

  /// What the line begins with.
  package let kind: Kind
  /// What stands behind the client's name; of a fault the whole text.
  package let text: String

  /// Makes a notice.
  package init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }
}

/// What earlier stages of a session left for later ones, with `smtpd_delay_reject = no`.
package struct AccessHistory: Sendable {
  var afterConnect: SMTPReply?
  var afterHelo: SMTPReply?
  var afterMail: SMTPReply?

  /// Nothing yet.
  package init() {}
}

/// What one restriction says.
enum AccessDecision: Equatable, Sendable {
  /// Nothing; the next restriction is asked.
  case undecided
  /// Nothing in the rest of this list matters.
  case permit
  /// The command is refused; the verdict holds the reply.
  case refuse
}

/// Why restrictions could not be read, or not be evaluated.
package enum AccessError: Error, Equatable, Sendable {
  /// A word in the list of `parameter` is no restriction that is known.
  case unknownRestriction(parameter: String, word: String)
  /// A word in the list of `parameter` lacks what must follow it, or has the wrong thing there.
  case badArgument(parameter: String, word: String, expected: String)
  /// A table that a list of `parameter` names cannot be opened.
  case badTable(parameter: String, reason: String)
  /// Neither list holds a restriction that keeps strangers from relaying.
  case opensRelay
  /// A reply code does not fit: `relay_domains_reject_code` and its like are 4xx or 5xx.
  case badCode(parameter: String, value: Int)
  /// A table did not answer, for the reason given; the client should come back.
  case lookupFailed(String)
}
