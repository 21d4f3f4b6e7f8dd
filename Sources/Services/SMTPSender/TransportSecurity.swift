import MailTypes
import Primitives
import Reactor
import SASL
import SMTPClientCore
import ServiceKit
import TLSEngine
import TLSPolicy

/// TLS of one transport: what is wanted of each destination, and sessions that can be resumed.
@ReactorActor
final class TransportSecurity {
  /// What connections under one policy have in common. Connections under different policies are
  /// never used for one another.
  @ReactorActor
  final class Agreement {
    let identity: PolicyIdentity
    /// `nil` where no TLS is used.
    let context: TLSContext?
    unowned let transport: TransportSecurity

    fileprivate init(
      _ policy: ClientTLSPolicy, _ context: TLSContext?, _ transport: TransportSecurity
    ) {
      identity = PolicyIdentity(policy)
      self.context = context
      self.transport = transport
    }

    var policy: ClientTLSPolicy { identity.policy }

    /// As the protocol core wants it.
    var demand: ClientSecurity {
      if policy.isMandatory {
        return ClientSecurity(.mandatory, isWrapped: transport.tls.isWrapped)
      }
      return context == nil ? .plaintext : ClientSecurity(.optional)
    }
  }

  /// Policies that are kept; those of other destinations are made anew.
  private static let agreementsMax = 1000
  /// Sets of versions and ciphers of which a context is kept.
  private static let contextsMax = 100

  /// What a context depends on: most policies share one.
  private struct Offer: Hashable {
    let versions: TLSVersions
    let ciphers: String
  }

  let tls: ClientTLS
  /// Who this host is to servers; `nil` where nobody logs in.
  let logins: ClientLogins?
  /// How passwords may be sent, once one was looked up.
  private var rules: SASLClientRules?
  let sessions: TLSSessionCache
  private let log: Log
  private let tag: [UInt8]
  /// Gives the parameters of a sentence the names that the administrator set.
  private let named: @Sendable (String) -> String
  private var agreements = RecentValues<ClientTLSPolicy, Agreement>(limit: agreementsMax)
  /// Policies in memory.
  var agreementCount: Int { agreements.count }
  private var contexts = RecentValues<Offer, TLSContext>(limit: contextsMax)
  private(set) lazy var plaintext = Agreement(.plaintext, nil, self)
  /// What holds everywhere, where no table is asked.
  private var general: Agreement?

  init(
    _ tls: ClientTLS, logins: ClientLogins?, log: Log, tag: [UInt8],
    named: @escaping @Sendable (String) -> String = { $0 }
  ) {
    self.named = named
    self.tls = tls
    self.logins = logins
    self.log = log
    self.tag = tag
    sessions = TLSSessionCache(lifetime: tls.sessionLifetime)
  }

  /// The agreement for a destination if it is known without asking: so for all mail of a transport
  /// that has no tables of policies.
  func agreementNow(for route: String) -> Agreement? {
    if let general {
      return general.policy.level == .may && route.hasPrefix("unix:") ? nil : general
    }
    guard !tls.asksTables, case .success(let policy) = tls.generalPolicy else { return nil }
    general = try? agreement(policy)
    return general == nil ? nil : agreementNow(for: route)
  }

  /// The agreement for a destination.
  func agreement(
    for destination: AskedDestination
  ) async throws(ClientTLSProblem) -> Agreement {
    let answer = await tls.policy(for: destination.nextHop)
    for remark in answer.remarks { warn(remark) }
    do throws(ClientTLSProblem) {
      let agreement = try agreement(answer.policy.get())
      guard destination.isSocket, agreement.policy.level == .may else { return agreement }
      warn(
        "smtp_connect_local: opportunistic TLS encryption is not appropriate for "
          + "unix-domain destinations.")
      return plaintext
    } catch {
      for warning in error.warnings { warn(warning) }
      warn("TLS policy lookup for \(destination.nextHop)/\(destination.host): \(error.reason)")
      throw error
    }
  }

  /// Who this host is to a destination.
  func login(
    for destination: AskedDestination, sender: MailAddress
  ) async throws(ClientLogins.Problem) -> SASLLogin? {
    guard let logins else { return nil }
    do throws(ClientLogins.Problem) {
      let answer = try await logins.login(
        for: destination.host, nextHop: destination.nextHop, sender: sender)
      if answer.login != nil { rules = answer.rules }
      return answer.login
    } catch {
      warn(error.warning)
      throw error
    }
  }

  /// A login as the protocol core wants it.
  func authentication(with login: SASLLogin?) -> ClientAuthentication? {
    guard let login, let rules else { return nil }
    return ClientAuthentication(login, rules: rules)
  }

  private func agreement(_ policy: ClientTLSPolicy) throws(ClientTLSProblem) -> Agreement {
    if policy.level == .none { return plaintext }
    if let known = agreements.find(policy) { return known }
    let context: TLSContext
    do throws(TLSSetupError) {
      context = try self.context(for: policy)
    } catch {
      throw ClientTLSProblem(["TLS cannot be begun: \(error)"])
    }
    let fresh = Agreement(policy, context, self)
    agreements.keep(fresh, for: policy)
    return fresh
  }

  private func context(for policy: ClientTLSPolicy) throws(TLSSetupError) -> TLSContext {
    let offer = Offer(versions: policy.versions, ciphers: policy.ciphers)
    if let known = contexts.find(offer) { return known }
    let fresh = try tls.context(for: policy)
    contexts.keep(fresh, for: offer)
    return fresh
  }

  private func warn(_ text: String) {
    log.line(tag: tag) {
      $0.append(text: "warning: ")
      $0.append(peerText: Array(named(text).utf8))
    }
  }
}

/// A policy to compare by what it says, whichever object holds it: agreements are made anew when
/// there are more policies than are kept.
final class PolicyIdentity: Hashable, Sendable {
  let policy: ClientTLSPolicy
  /// Reckoned once: connections are looked up by it for each message.
  private let hash: Int

  init(_ policy: ClientTLSPolicy) {
    self.policy = policy
    hash = policy.hashValue
  }

  static func == (left: PolicyIdentity, right: PolicyIdentity) -> Bool {
    left === right || left.hash == right.hash && left.policy == right.policy
  }

  func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

/// Sessions that servers would take up again, in memory alone.
@ReactorActor
final class TLSSessionCache {
  /// What a session belongs to: it proves nothing under another policy.
  struct Key: Hashable {
    let policy: PolicyIdentity
    let host: String
    let address: String
    let port: UInt16
    let destination: String
  }

  struct Entry {
    let session: TLSResumption
    /// When the server showed its certificate. Taking the session up again shows nothing, and makes
    /// it no younger.
    let madeAt: MonotonicTime
  }

  /// Servers whose sessions are kept.
  private static let entriesMax = 2000
  private let lifetime: Duration
  private var entries = RecentValues<Key, Entry>(limit: entriesMax)

  /// - Parameter lifetime: how long a session is kept; zero keeps none.
  init(lifetime: Duration) { self.lifetime = lifetime }

  var isUsed: Bool { lifetime > .zero }

  /// A session that is not too old at the time `now`.
  func find(_ key: Key, at now: MonotonicTime) -> Entry? {
    guard let entry = entries.find(key) else { return nil }
    if now.since(entry.madeAt) < lifetime { return entry }
    entries.forget(key)
    return nil
  }

  func keep(_ session: TLSResumption, for key: Key, madeAt: MonotonicTime) {
    entries.keep(Entry(session: session, madeAt: madeAt), for: key)
  }

  func forget(_ key: Key) { entries.forget(key) }
}
