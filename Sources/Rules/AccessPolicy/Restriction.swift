import MailTypes

/// One word of a restriction list.
protocol Restriction: Sendable {
  /// Judges a request; `undecided` leaves it to the next word. Throws `lookupFailed` when a list of
  /// the site does not answer.
  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision
}

/// `permit`: ends the list in favour of the client.
struct Permit: Restriction {
  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    try await evaluation.permit("permit", about: evaluation.subject)
  }
}

/// `reject`: everybody is turned away.
struct Reject: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    evaluation.refuse(evaluation.rules.settings.codes.reject, 7, 1, "Access denied")
  }
}

/// `defer`: everybody is asked to come back.
struct Defer: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    evaluation.refuse(evaluation.rules.settings.codes.deferral, 3, 2, "Try again later")
  }
}

/// `defer_if_permit`: whoever is permitted later is asked to come back.
struct DeferIfPermit: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    evaluation.deferIfPermit(
      evaluation.reply(
        450, EnhancedStatus(4, 7, 0), about: evaluation.subject, "defer_if_permit requested"))
  }
}

/// `defer_if_reject`: whoever is refused for good later is asked to come back.
struct DeferIfReject: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    evaluation.deferIfReject(
      evaluation.reply(
        450, EnhancedStatus(4, 7, 0), about: evaluation.subject, "defer_if_reject requested"))
  }
}

/// `warn_if_reject`: a refusal by the next word is only logged.
struct WarnIfReject: Restriction {
  let inner: any Restriction

  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    let before = evaluation.onlyWarns
    evaluation.onlyWarns = true
    let decision = try await inner.evaluate(&evaluation)
    evaluation.onlyWarns = before
    return decision
  }
}

/// `sleep N`: waits for N seconds.
struct Sleep: Restriction {
  let duration: Duration

  func evaluate(_ evaluation: inout Evaluation) async -> AccessDecision {
    await evaluation.rules.pause(duration)
    return .undecided
  }
}

/// `reject_unauth_pipelining`: clients that do not wait where they have to.
struct RejectUnauthPipelining: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    guard evaluation.request.pipelinesIllegally else { return .undecided }
    return evaluation.refuse(503, 5, 0, "Improper use of SMTP command pipelining")
  }
}

/// `reject_plaintext_session`: clients that do not encrypt.
struct RejectPlaintextSession: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    guard !evaluation.request.isEncrypted else { return .undecided }
    let code = evaluation.rules.settings.codes.plaintext
    return evaluation.refuse(
      SMTPReply(
        code, EnhancedStatus(code < 500 ? 4 : 5, 7, 1), "Session encryption is required"))
  }
}

/// A restriction class: the list of the parameter of that name.
struct RestrictionClass: Restriction {
  /// Lists that name each other end here.
  static let depthMax = 100

  let name: String

  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    guard evaluation.depth < Self.depthMax else {
      return evaluation.refuseMisconfigured(
        "restriction class \(name) causes unreasonable recursion")
    }
    let key = AccessRules.ClassKey(name: name, subject: evaluation.subject)
    guard let list = evaluation.rules.classes[key] else {
      preconditionFailure("every class has a list for every subject")
    }
    return try await evaluation.run(list)
  }
}

/// A bare `type:table` where no `check_…_access` is the obvious one.
struct MisplacedTable: Restriction {
  let table: String

  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision {
    evaluation.refuseMisconfigured(
      "specify one of (check_client_access, check_helo_access, check_sender_access, "
        + "check_recipient_access, check_etrn_access) before \(evaluation.subject.title) "
        + "restriction \"\(table)\"")
  }
}

/// A restriction that needs what this mail system has not yet: it never decides, and `check` tells
/// of it.
struct NotYet: Restriction {
  func evaluate(_ evaluation: inout Evaluation) -> AccessDecision { .undecided }
}
