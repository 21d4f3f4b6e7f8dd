import LookupTables
import MailTypes
import Primitives

/// One judgement under way: what is judged, and what restrictions have said so far.
struct Evaluation: Sendable {
  let request: AccessRequest
  let rules: AccessRules
  /// What the list being evaluated is about.
  var subject: AccessSubject
  var verdict = AccessVerdict()
  /// The reply that a later permission turns into.
  var deferIfPermit: SMTPReply?
  /// The reply that a later permanent refusal turns into.
  var deferIfReject: SMTPReply?
  /// Whether refusals are only to be logged (`warn_if_reject`).
  var onlyWarns = false
  /// Whether the content has been received.
  var isAtEndOfData = false
  /// Whether no message can be at hand: the stage is the connection or HELO.
  var isBeforeMail = false
  /// How deep lists are nested.
  var depth = 0
  /// Whether the addresses have been compared with the lists of known users.
  var senderIsChecked = false
  var recipientIsChecked = false
  private var resolvedRecipient: ResolvedAddress?

  init(_ request: AccessRequest, rules: AccessRules, subject: AccessSubject) {
    self.request = request
    self.rules = rules
    self.subject = subject
  }

  /// Refuses with `<name>: Class rejected: reason`, or only says so in the log.
  mutating func refuse(
    _ code: UInt16, _ subject: Int, _ detail: Int, about: AccessSubject? = nil, _ reason: String
  ) -> AccessDecision {
    let status = EnhancedStatus(code < 500 ? 4 : 5, UInt16(subject), UInt16(detail))
    return refuse(reply(code, status, about: about ?? self.subject, reason))
  }

  /// Refuses with a reply, or only says so in the log.
  mutating func refuse(_ reply: SMTPReply) -> AccessDecision {
    if onlyWarns {
      verdict.notices.append(AccessNotice(.rejectWarning, reply.logText))
      return .undecided
    }
    if let deferred = deferIfReject, reply.code >= 500 {
      deferIfReject = nil
      return refuse(deferred)
    }
    verdict.notices.append(AccessNotice(.reject, reply.logText))
    verdict.refusal = reply
    return .refuse
  }

  /// Permits, and has the log say so where it is to.
  mutating func permit(
    _ action: String, about subject: AccessSubject, from table: String? = nil
  ) async throws(AccessError) -> AccessDecision {
    guard let logged = rules.loggedPermits else { return .permit }
    do throws(LookupError) {
      guard try await logged.contains(action.utf8) else { return .permit }
    } catch {
      throw .lookupFailed("\(error)")
    }
    let source = table.map { "from \($0)" } ?? ""
    verdict.notices.append(
      AccessNotice(
        .permit,
        "action=\(action) for \(subject.title)=\(subject.name(in: request)) \(source)"))
    return .permit
  }

  /// Turns a permission that is to come into a deferral; the first reason counts.
  mutating func deferIfPermit(_ reply: SMTPReply) -> AccessDecision {
    if onlyWarns { return refuse(reply) }
    if deferIfPermit == nil { deferIfPermit = reply }
    return .undecided
  }

  /// Turns a permanent refusal that is to come into a deferral; the first reason counts.
  mutating func deferIfReject(_ reply: SMTPReply) -> AccessDecision {
    if deferIfReject == nil { deferIfReject = reply }
    return .undecided
  }

  /// Refuses for now, since the configuration asks for what cannot be done; never only a warning.
  mutating func refuseMisconfigured(_ fault: String) -> AccessDecision {
    verdict.notices.append(AccessNotice(.fault, fault))
    onlyWarns = false
    return refuse(SMTPReply(451, EnhancedStatus(4, 3, 5), "Server configuration error"))
  }

  /// Refuses for now, since a table that a restriction names did not answer.
  mutating func refuseUnanswered(
    _ fault: String, about subject: AccessSubject
  ) -> AccessDecision {
    verdict.notices.append(AccessNotice(.fault, fault))
    return refuse(451, 3, 5, about: subject, "Server configuration error")
  }

  /// `<name>: Class rejected: reason`.
  func reply(
    _ code: UInt16, _ status: EnhancedStatus, about subject: AccessSubject, _ reason: String
  ) -> SMTPReply {
    SMTPReply(
      code, status, "<\(subject.name(in: request))>: \(subject.title) rejected: \(reason)")
  }

  /// Evaluates a list until one of its restrictions decides.
  mutating func run(_ list: [any Restriction]) async throws(AccessError) -> AccessDecision {
    depth += 1
    defer { depth -= 1 }
    for restriction in list {
      let decision = try await restriction.evaluate(&self)
      if decision != .undecided || verdict.hangsUp { return decision }
    }
    return .undecided
  }

  /// What the recipient means to this host; `nil` before RCPT.
  mutating func destination() async throws(AccessError) -> ResolvedAddress? {
    if let resolvedRecipient { return resolvedRecipient }
    guard let recipient = request.recipient else { return nil }
    let resolved = try await rules.resolve(recipient)
    resolvedRecipient = resolved
    return resolved
  }
}

/// What all evaluations of a policy share.
final class AccessRules: Sendable {
  let settings: AccessSettings
  let site: any SiteDirectory
  let pause: AccessPolicy.Pause
  /// The lists of restriction classes, for each list that a bare table in them may stand in.
  let classes: [ClassKey: [any Restriction]]
  /// The permissions that are logged; `nil` for none.
  let loggedPermits: DomainList?

  struct ClassKey: Hashable {
    let name: String
    let subject: AccessSubject
  }

  init(
    settings: AccessSettings, site: any SiteDirectory, pause: @escaping AccessPolicy.Pause,
    classes: [ClassKey: [any Restriction]], loggedPermits: DomainList?
  ) {
    self.settings = settings
    self.site = site
    self.pause = pause
    self.classes = classes
    self.loggedPermits = loggedPermits
  }

  func resolve(_ address: MailAddress) async throws(AccessError) -> ResolvedAddress {
    var resolution = AddressResolution(address, by: settings.resolver)
    while let domain = resolution.domainInQuestion {
      resolution.answer(isLocal: try await site.isLocal(domain))
    }
    return resolution.result
  }

  func addressClass(of address: ResolvedAddress) async throws(AccessError) -> DomainClass {
    address.isLocal ? .local : try await site.addressClass(of: address.domain)
  }
}
