import LookupTables
import MailTypes
import Primitives

/// `check_client_access` and its kin: a table is asked what to do.
struct AccessTable: Restriction {
  let table: any LookupTable
  let subject: AccessSubject
  /// What of a certificate is looked up, in order.
  var certificateKeys = CertificateKey.usual

  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    guard let keys = try await keys(&evaluation) else { return .undecided }
    for key in keys {
      let value: [UInt8]?
      do throws(LookupError) {
        value = try await table.find(key)
      } catch {
        let text = String(decoding: key, as: UTF8.self)
        return evaluation.refuseUnanswered(
          "\(table.name) lookup error for \"\(text)\": \(error.reason)", about: subject)
      }
      guard let value else { continue }
      let decision = try await act(on: AccessAction(value), value, key, &evaluation)
      // A route that is left over makes a permission worthless: who knows where it leads.
      guard decision == .permit, subject == .recipient,
        !evaluation.rules.settings.allowsUntrustedRouting,
        try await evaluation.destination()?.isRouted == true
      else { return decision }
      return .undecided
    }
    return .undecided
  }

  /// The keys under which the table may hold what is judged, in order; `nil` when there is nothing
  /// to judge. A table of patterns sees only the whole.
  private func keys(
    _ evaluation: inout Evaluation
  ) async throws(AccessError) -> [[UInt8]]? {
    let request = evaluation.request
    let keys = AccessKeys(settings: evaluation.rules.settings, onlyWhole: table.hasPatterns)
    switch subject {
    case .client: return keys.client(name: request.clientName, request.clientAddress)
    case .certificate: return request.certificate.map { $0.keys(certificateKeys) }
    case .helo: return request.helo.map { keys.domain(Array($0.utf8)) }
    case .etrn: return request.etrnDomain.map { keys.domain(Array($0.utf8)) }
    case .sender:
      guard let sender = request.sender else { return nil }
      if sender.isNull { return [Array(evaluation.rules.settings.nullSenderKey.utf8)] }
      return keys.address(try await evaluation.rules.resolve(sender).address)
    case .recipient: return try await evaluation.destination().map { keys.address($0.address) }
    case .data, .endOfData: preconditionFailure("no table is about \(subject)")
    }
  }

  private func act(
    on action: AccessAction, _ value: [UInt8], _ key: [UInt8], _ evaluation: inout Evaluation
  ) async throws(AccessError) -> AccessDecision {
    switch action {
    case .permit:
      let word = String(decoding: value.prefix { !ASCII.isSpace($0) }, as: UTF8.self)
      return try await evaluation.permit(word, about: subject, from: table.name)
    case .undecided: return .undecided
    case .refuse(let refusal):
      return evaluation.refuse(refusal.reply(about: subject, in: evaluation))
    case .deferIfPermit(let refusal):
      return evaluation.deferIfPermit(refusal.reply(about: subject, in: evaluation))
    case .deferIfReject(let refusal):
      return evaluation.deferIfReject(refusal.reply(about: subject, in: evaluation))
    case .warn(let text): evaluation.verdict.notices.append(AccessNotice(.warn, text))
    case .info(let text): evaluation.verdict.notices.append(AccessNotice(.info, text))
    case .discard:
      note(action, key, &evaluation)
      return evaluation.subject == .etrn ? .undecided : .permit
    case .hold, .filter, .redirect, .copy, .prepend: note(action, key, &evaluation)
    case .hangUp(let text):
      evaluation.verdict.notices.append(AccessNotice(.hangup, text))
      evaluation.verdict.hangsUp = true
    case .restrictions(let words): return try await run(words, &evaluation)
    }
    return .undecided
  }

  /// Evaluates the restrictions that a table gave.
  private func run(
    _ words: [String], _ evaluation: inout Evaluation
  ) async throws(AccessError) -> AccessDecision {
    guard evaluation.depth < RestrictionClass.depthMax else {
      return evaluation.refuseMisconfigured(
        "access table \(table.name) causes unreasonable recursion")
    }
    let parser = RestrictionParser(
      parameter: table.name, classes: Set(evaluation.rules.settings.classes.keys), tables: nil)
    do throws(AccessError) {
      let list = try parser.parse(words, subject: evaluation.subject)
      return try await evaluation.run(list.restrictions)
    } catch {
      switch error {
      case .unknownRestriction(_, let word):
        return evaluation.refuseMisconfigured("unknown smtpd restriction: \"\(word)\"")
      case .badArgument, .badTable:
        return evaluation.refuseMisconfigured(
          "access table \(table.name) has entry with lookup table: "
            + words.joined(separator: " "))
      case .opensRelay, .badCode, .lookupFailed: throw error
      }
    }
  }
}

/// The keys under which access tables hold hosts and addresses (access(5)).
struct AccessKeys {
  let settings: AccessSettings
  /// Whether parts are not looked up: tables of patterns see the whole and decide themselves.
  let onlyWhole: Bool

  /// A host name, then the domains it is in.
  func domain(_ name: [UInt8]) -> [[UInt8]] {
    var keys = [name.map(ASCII.lowercased)]
    // An address has no domains.
    guard !onlyWhole, name.first != UInt8(ascii: "["),
      !name.allSatisfy({ ASCII.isDigit($0) || $0 == UInt8(ascii: ".") })
    else { return keys }
    var rest = keys[0][...]
    while let dot = rest.dropFirst().firstIndex(of: UInt8(ascii: ".")) {
      rest = rest[(settings.accessMapsMatchSubdomains ? dot + 1 : dot)...]
      if rest.isEmpty { break }
      keys.append(Array(rest))
    }
    return keys
  }

  /// A client's name with its domains, then its address with the networks it is in.
  func client(name: String, _ address: IPAddress) -> [[UInt8]] {
    var keys = domain(Array(name.utf8))
    var rest = Array("\(address.unmapped)".utf8)[...]
    keys.append(Array(rest))
    guard !onlyWhole else { return keys }
    let separator = UInt8(ascii: address.unmapped.family == .v4 ? "." : ":")
    while let cut = rest.lastIndex(of: separator) {
      rest = rest[..<cut]
      if !rest.isEmpty { keys.append(Array(rest)) }
    }
    return keys
  }

  /// An address, the same without its extension, its domain and those above it, and its user.
  func address(_ address: MailAddress) -> [[UInt8]] {
    let whole = MailAddress(address.unquoted.map(ASCII.lowercased))
    guard !onlyWhole else { return [whole.bytes] }
    var keys = [whole.bytes]
    let bare = whole.withoutExtension(delimiters: settings.recipientDelimiter)
    if let bare { keys.append(bare.bytes) }
    guard let at = whole.bytes.lastIndex(of: UInt8(ascii: "@")) else { return keys }
    keys += domain(Array(whole.bytes[(at + 1)...]))
    keys.append(Array(whole.bytes[...at]))
    if let bare, let at = bare.bytes.lastIndex(of: UInt8(ascii: "@")) {
      keys.append(Array(bare.bytes[...at]))
    }
    return keys
  }
}
