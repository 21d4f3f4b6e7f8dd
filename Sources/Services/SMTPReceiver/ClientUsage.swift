import MailTypes
import Primitives
import Reactor
import SMTPServerCore
import ServiceKit

/// What the client of one session does, counted together with all its sessions on this host.
@ReactorActor
final class ClientUsage {
  private let ledger: ClientLedger
  private let limits: ClientLimits
  private let client: SMTPClientIdentity
  private let host: String
  private let tag: [UInt8]
  private var place: ClientTable.Place?

  private init(
    _ ledger: ClientLedger, _ limits: ClientLimits, _ client: SMTPClientIdentity,
    _ rules: ListenerRules
  ) {
    self.ledger = ledger
    self.limits = limits
    self.client = client
    host = rules.settings.myhostname
    tag = rules.tag
  }

  /// Begins to count a session; `nil` where nothing is counted for its client.
  static func begin(
    _ client: SMTPClientIdentity, _ rules: ListenerRules, _ ledger: ClientLedger?
  ) async -> ClientUsage? {
    guard let ledger, let limits = rules.clientLimits,
      await !limits.isExcepted(client.address, client.name)
    else { return nil }
    return ClientUsage(ledger, limits, client, rules)
  }

  /// Counts the connection; the reply that refuses it, when the client has or makes too many.
  ///
  /// What it counted `end` takes back.
  func connect() -> SMTPReply? {
    guard let (place, sessions) = ledger.enter(client.address, limits.service) else { return nil }
    self.place = place
    let rate = ledger.count(.connection, at: place, client.address, limits.service)
    if limits.sessions > 0, sessions > limits.sessions {
      warn("Connection concurrency limit exceeded", sessions)
    } else if limits[.connection] > 0, rate > limits[.connection] {
      warn("Connection rate limit exceeded", rate)
    } else {
      return nil
    }
    return .tooManyConnections(myhostname: host, from: "\(client.address)")
  }

  /// Counts a MAIL; the reply that refuses it, when there are too many.
  func message() -> SMTPReply? {
    guard let rate = exceeded(.message) else { return nil }
    warn("Message delivery request rate limit exceeded", rate)
    return .tooMuch("mail", from: "\(client.address)")
  }

  /// Counts a RCPT; the reply that refuses it, when there are too many.
  func recipient() -> SMTPReply? {
    guard let rate = exceeded(.recipient) else { return nil }
    warn("Recipient address rate limit exceeded", rate)
    return .tooMuch("recipients", from: "\(client.address)", isMany: true)
  }

  /// Counts an AUTH; the reply that refuses it, when there are too many.
  func authentication() -> SMTPReply? {
    guard let rate = exceeded(.authentication) else { return nil }
    warn("AUTH command rate limit exceeded", rate)
    return .tooMuch("AUTH commands", from: "\(client.address)", isMany: true)
  }

  /// Whether the client has begun too many TLS sessions to begin another.
  ///
  /// - Parameter asked: what it asked for, for the log.
  func refusesTLS(_ asked: StaticString) -> Bool {
    guard let place, limits[.newTLSSession] > 0,
      ledger.rate(of: .newTLSSession, at: place) > limits[.newTLSSession]
    else { return false }
    warn {
      $0.append(text: "Refusing ")
      $0.append(text: asked)
      $0.append(text: " request")
    }
    return true
  }

  /// Counts a TLS session that resumes no other, or a handshake that failed; whether there are too
  /// many.
  func newTLSSession() -> Bool {
    guard let rate = exceeded(.newTLSSession) else { return false }
    warn("New TLS session rate limit exceeded", rate)
    return true
  }

  /// Counts the end of the session.
  func end() {
    guard let place else { return }
    self.place = nil
    ledger.leave(place)
  }

  /// Counts an event that has a limit; its rate when that is over the limit.
  private func exceeded(_ event: ClientEvent) -> Int? {
    guard let place, limits[event] > 0 else { return nil }
    let rate = ledger.count(event, at: place, client.address, limits.service)
    return rate > limits[event] ? rate : nil
  }

  private func warn(_ what: StaticString, _ count: Int) {
    warn {
      $0.append(text: what)
      $0.append(text: ": ")
      $0.append(decimal: count)
    }
  }

  /// Logs what is too much, and from whom.
  private func warn(_ what: (inout [UInt8]) -> Void) {
    ledger.log.line(tag: tag, severity: .warning) {
      $0.append(text: "warning: ")
      what(&$0)
      $0.append(text: " from ")
      $0.append(string: client.logName)
      $0.append(text: " for service ")
      $0.append(string: limits.service)
    }
  }
}
