import Configuration
import MailSite
import Primitives
import ServiceKit

/// How much a client may do at a service, and who is not counted.
struct ClientLimits: Sendable {
  /// Tells whether a client, by its address and name, is not counted.
  typealias Exception = @Sendable (IPAddress, String) async -> Bool

  /// The service's name in `master.cf`: clients are counted for each service.
  let service: String
  /// `smtpd_client_connection_count_limit`: sessions at a time; 0 is no limit, as for the others.
  var sessions = 0
  /// `smtpd_client_*_rate_limit` by `ClientEvent.rawValue`: events in `anvil_rate_time_unit`.
  var rates = [Int](repeating: 0, count: ClientEvent.allCases.count)
  /// `smtpd_client_event_limit_exceptions`.
  let isExcepted: Exception

  init(service: String, isExcepted: @escaping Exception) {
    self.service = service
    self.isExcepted = isExcepted
  }

  /// The limits of a listener; `nil` when it has none: then nothing is counted.
  init?(_ configuration: Configuration, service: String, exceptions: ClientExceptions) {
    self.init(service: service) { await exceptions.contains($0, hostname: $1) }
    sessions = configuration[.smtpdClientConnectionCountLimit]
    self[.connection] = configuration[.smtpdClientConnectionRateLimit]
    self[.message] = configuration[.smtpdClientMessageRateLimit]
    self[.recipient] = configuration[.smtpdClientRecipientRateLimit]
    self[.newTLSSession] = configuration[.smtpdClientNewTLSSessionRateLimit]
    self[.authentication] = configuration[.smtpdClientAuthRateLimit]
    guard sessions > 0 || rates.contains(where: { $0 > 0 }) else { return nil }
  }

  /// The limit of an event's rate.
  subscript(event: ClientEvent) -> Int {
    get { rates[event.rawValue] }
    set { rates[event.rawValue] = newValue }
  }
}
