import MailTypes
import Primitives

/// `permit_sasl_authenticated`: the client logged in, and said as whom.
struct PermitAuthenticated: Restriction {
  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    guard let login = evaluation.request.login,
      !ASCII.equalFolded(login.mechanism.utf8, "anonymous".utf8)
    else { return .undecided }
    return try await evaluation.permit("permit_sasl_authenticated", about: .client)
  }
}

/// `reject_sender_login_mismatch` and its kin: an address is used by who does not own it
/// (`smtpd_sender_login_maps`). Where nobody can log in they say nothing.
struct RejectSenderLoginMismatch: Restriction {
  /// What is judged of clients that logged in.
  enum LoggedIn: Sendable { case nothing, knownSenders, allSenders }

  let loggedIn: LoggedIn
  let judgesOthers: Bool

  /// `reject_sender_login_mismatch`
  static let any = Self(loggedIn: .allSenders, judgesOthers: true)
  /// `reject_authenticated_sender_login_mismatch`
  static let loggedIn = Self(loggedIn: .allSenders, judgesOthers: false)
  /// `reject_known_sender_login_mismatch`
  static let known = Self(loggedIn: .knownSenders, judgesOthers: true)
  /// `reject_unauthenticated_sender_login_mismatch`
  static let notLoggedIn = Self(loggedIn: .nothing, judgesOthers: true)

  func evaluate(_ evaluation: inout Evaluation) async throws(AccessError) -> AccessDecision {
    let request = evaluation.request
    guard evaluation.rules.settings.authenticates, let sender = request.sender, !sender.isNull,
      request.login == nil ? judgesOthers : loggedIn != .nothing
    else { return .undecided }
    let resolved = try await evaluation.rules.resolve(sender)
    let owners = try await evaluation.rules.site.owners(
      of: resolved.address, isLocal: resolved.isLocal)
    guard let login = request.login else {
      return owners == nil ? .undecided : refuse("not logged in", &evaluation)
    }
    if owners == nil, loggedIn == .knownSenders { return .undecided }
    let isOwner = (owners ?? []).split { $0 == UInt8(ascii: ",") || ASCII.isSpace($0) }
      .contains { String(decoding: $0, as: UTF8.self).lowercased() == login.user.lowercased() }
    return isOwner ? .undecided : refuse("not owned by user \(login.user)", &evaluation)
  }

  private func refuse(_ reason: String, _ evaluation: inout Evaluation) -> AccessDecision {
    evaluation.refuse(
      evaluation.reply(553, EnhancedStatus(5, 7, 1), about: .sender, reason))
  }

  /// What is said of a list that asks who owns an address where nobody can log in.
  static func warnings(
    of words: [String], in parameter: String, _ settings: AccessSettings
  ) -> [AccessWarning] {
    guard !settings.authenticates else { return [] }
    let found = words.filter { $0.lowercased().hasSuffix("sender_login_mismatch") }
    return found.map {
      AccessWarning(
        parameter: parameter, message: "\($0) is ignored: smtpd_sasl_auth_enable is not set")
    }
  }
}
