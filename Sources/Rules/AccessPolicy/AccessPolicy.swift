import LookupTables
import MailTypes
import Primitives

/// Who may send mail to whom through this host: the restriction lists of a configuration.
package struct AccessPolicy: Sendable {
  /// Waits for a time, for `sleep`.
  package typealias Pause = @Sendable (Duration) async -> Void

  /// What in the lists is not used as it stands.
  package let warnings: [AccessWarning]
  private let rules: AccessRules
  /// By `RestrictionList.Name.index`.
  private let lists: [[any Restriction]]
  private let recipientLists: [RestrictionList.Name]

  /// Reads the restriction lists once, at load.
  ///
  /// Throws `unknownRestriction`, `badArgument` or `badTable` for a word that cannot be used,
  /// `opensRelay` when nothing in the lists keeps strangers from relaying, and `badCode`.
  package init(
    _ settings: AccessSettings, site: any SiteDirectory, pause: @escaping Pause
  ) throws(AccessError) {
    for (parameter, code) in settings.codes.byParameter where !(400...599).contains(code) {
      throw .badCode(parameter: parameter, value: Int(code))
    }
    let tables = TableCache(settings.opener)
    let names = Set(settings.classes.keys)
    var warnings: [AccessWarning] = []
    var classes: [AccessRules.ClassKey: [any Restriction]] = [:]
    for (name, words) in settings.classes.sorted(by: { $0.key < $1.key }) {
      let parser = RestrictionParser(parameter: name, classes: names, tables: tables)
      for subject in AccessSubject.allCases {
        let list = try parser.parse(words, subject: subject)
        classes[AccessRules.ClassKey(name: name, subject: subject)] = list.restrictions
        if subject == .client { warnings += list.warnings }
      }
      warnings += PermitCertificates.warnings(of: words, in: name, settings)
    }
    var lists: [[any Restriction]] = []
    for name in RestrictionList.Name.allCases {
      let parser = RestrictionParser(parameter: name.parameter, classes: names, tables: tables)
      let list = try parser.parse(settings.restrictions[name] ?? [], subject: name.subject)
      lists.append(list.restrictions)
      warnings += list.warnings
      let words = settings.restrictions[name] ?? []
      warnings += RejectSenderLoginMismatch.warnings(of: words, in: name.parameter, settings)
      warnings += PermitCertificates.warnings(of: words, in: name.parameter, settings)
    }
    guard [.relay, .recipient].contains(where: { Self.keepsStrangersOut($0, settings) }) else {
      throw .opensRelay
    }
    self.lists = lists
    self.warnings = warnings
    rules = AccessRules(
      settings: settings, site: site, pause: pause, classes: classes,
      loggedPermits: try Self.loggedPermits(settings))
    recipientLists = settings.relayBeforeRecipient ? [.relay, .recipient] : [.recipient, .relay]
  }

  private static func loggedPermits(
    _ settings: AccessSettings
  ) throws(AccessError) -> DomainList? {
    guard !settings.loggedPermits.isEmpty else { return nil }
    do throws(LookupError) {
      return try DomainList(settings.loggedPermits, style: .exact, opener: settings.opener)
    } catch {
      throw .badTable(parameter: "smtpd_log_access_permit_actions", reason: "\(error)")
    }
  }

  /// Whether a list holds a restriction that keeps strangers out and is reached.
  private static func keepsStrangersOut(
    _ name: RestrictionList.Name, _ settings: AccessSettings
  ) -> Bool {
    var seen: Set<String> = []
    func guards(_ words: [String]) -> Bool {
      var isWarning = false
      for word in words {
        let folded = word.lowercased()
        if folded == "warn_if_reject" {
          isWarning = true
        } else if isWarning {
          isWarning = false
        } else if folded == "permit" {
          return false
        } else if RestrictionVerb.guards.contains(folded) {
          return true
        } else if let list = settings.classes[word], seen.insert(word).inserted, guards(list) {
          return true
        }
      }
      return false
    }
    return guards(settings.restrictions[name] ?? [])
  }

  /// Whether a stage has anything to judge; where it has not, `judge` need not be called.
  package func judges(_ stage: AccessStage) -> Bool {
    let delays = rules.settings.delaysReject
    func holds(_ name: RestrictionList.Name) -> Bool { !lists[name.index].isEmpty }
    switch stage {
    case .connect: return !delays && holds(.client)
    case .helo: return !delays && holds(.helo)
    case .mail: return !delays && (holds(.sender) || rules.settings.rejectsUnlistedSender)
    case .recipient: return true
    case .data: return holds(.data)
    case .endOfData: return holds(.endOfData)
    case .etrn: return holds(.etrn) || delays && (holds(.client) || holds(.helo))
    }
  }

  /// Judges a command.
  ///
  /// A list that permits or says nothing leaves the rest to the others. A table that does not
  /// answer turns the client away for now. `postmaster` without a domain passes whatever the lists
  /// say (RFC 5321 4.5.1).
  package func judge(
    _ stage: AccessStage, _ request: AccessRequest, _ history: inout AccessHistory
  ) async -> AccessVerdict {
    if stage == .recipient, let recipient = request.recipient, recipient.atIndex == nil,
      ASCII.equalFolded(recipient.unquoted, "postmaster".utf8)
    {
      return AccessVerdict()
    }
    var evaluation = Evaluation(request, rules: rules, subject: .recipient)
    do throws(AccessError) {
      try await evaluate(stage, &evaluation, &history)
    } catch {
      let name = evaluation.subject.name(in: request)
      if case .lookupFailed(let reason) = error {
        evaluation.verdict.notices.append(AccessNotice(.fault, reason))
      }
      evaluation.onlyWarns = false
      _ = evaluation.refuse(
        SMTPReply(451, EnhancedStatus(4, 3, 0), "<\(name)>: Temporary lookup failure"))
    }
    return evaluation.verdict
  }

  private func evaluate(
    _ stage: AccessStage, _ evaluation: inout Evaluation, _ history: inout AccessHistory
  ) async throws(AccessError) {
    let delays = rules.settings.delaysReject
    evaluation.isBeforeMail = stage == .connect || stage == .helo
    switch stage {
    case .connect: _ = try await judgeClient(&evaluation, &history)
    case .helo: _ = try await judgeHelo(&evaluation, &history)
    case .mail: _ = try await judgeSender(&evaluation, &history)
    case .recipient:
      if delays {
        guard try await judgeClient(&evaluation, &history),
          try await judgeHelo(&evaluation, &history),
          try await judgeSender(&evaluation, &history)
        else { return }
      }
      try await judgeRecipient(&evaluation, history)
    case .data, .endOfData:
      let list: RestrictionList.Name = stage == .data ? .data : .endOfData
      evaluation.isAtEndOfData = stage == .endOfData
      let passes = try await run([list], &evaluation)
      if passes { applyDeferral(&evaluation) }
    case .etrn:
      if delays {
        guard try await judgeClient(&evaluation, &history),
          try await judgeHelo(&evaluation, &history)
        else { return }
      }
      if try await run([.etrn], &evaluation) { applyDeferral(&evaluation) }
    }
  }

  private func judgeClient(
    _ evaluation: inout Evaluation, _ history: inout AccessHistory
  ) async throws(AccessError) -> Bool {
    let passes = try await run([.client], &evaluation)
    history.afterConnect = evaluation.deferIfPermit
    // Lists that are empty are not asked, and change nothing.
    history.afterHelo = evaluation.deferIfPermit
    history.afterMail = evaluation.deferIfPermit
    return passes
  }

  private func judgeHelo(
    _ evaluation: inout Evaluation, _ history: inout AccessHistory
  ) async throws(AccessError) -> Bool {
    evaluation.deferIfPermit = history.afterConnect
    let passes = evaluation.request.helo == nil ? true : try await run([.helo], &evaluation)
    history.afterHelo = evaluation.deferIfPermit
    history.afterMail = evaluation.deferIfPermit
    return passes
  }

  private func judgeSender(
    _ evaluation: inout Evaluation, _ history: inout AccessHistory
  ) async throws(AccessError) -> Bool {
    evaluation.deferIfPermit = history.afterHelo
    // VRFY needs no sender.
    guard evaluation.request.sender != nil else {
      history.afterMail = evaluation.deferIfPermit
      return true
    }
    guard try await run([.sender], &evaluation) else { return false }
    history.afterMail = evaluation.deferIfPermit
    guard rules.settings.rejectsUnlistedSender else { return true }
    return try await RejectUnlisted(subject: .sender).evaluate(&evaluation) != .refuse
  }

  private func judgeRecipient(
    _ evaluation: inout Evaluation, _ history: AccessHistory
  ) async throws(AccessError) {
    evaluation.deferIfPermit = history.afterMail
    guard try await run(recipientLists, &evaluation) else { return }
    if evaluation.deferIfPermit != nil { return applyDeferral(&evaluation) }
    guard rules.settings.rejectsUnlistedRecipient, !evaluation.verdict.orders.discards
    else { return }
    _ = try await RejectUnlisted(subject: .recipient).evaluate(&evaluation)
  }

  /// Evaluates lists one after the other; false when the command is refused.
  private func run(
    _ names: [RestrictionList.Name], _ evaluation: inout Evaluation
  ) async throws(AccessError) -> Bool {
    evaluation.deferIfReject = nil
    for name in names {
      evaluation.subject = name.subject
      let list = lists[name.index]
      if list.isEmpty { continue }
      if try await evaluation.run(list) == .refuse || evaluation.verdict.hangsUp { return false }
    }
    return true
  }

  /// A permission that an earlier doubt turns into a deferral.
  private func applyDeferral(_ evaluation: inout Evaluation) {
    guard let reply = evaluation.deferIfPermit else { return }
    evaluation.deferIfReject = nil
    _ = evaluation.refuse(reply)
  }
}
