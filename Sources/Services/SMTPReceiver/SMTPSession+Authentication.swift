import AccessPolicy
import LinuxSystem
import MailSite
import MailTypes
import Primitives
import QueueFormat
import SASL
import SMTPGrammar
import SMTPServerCore
import ServiceKit
import Streams
import SystemPackage

/// An exchange with the authentication server that waits for its client.
struct OpenExchange {
  let server: AuthenticationServer
  let id: UInt32
}

/// AUTH (RFC 4954).
extension SMTPSession {
  /// Tells the core what EHLO is to offer from now on. Of a server that cannot be reached what it
  /// offered last counts: who logs in then hears that it does not work for now.
  func offerAuthentication(_ authentication: AuthenticationRules) async {
    guard core.mayAuthenticate,
      await authentication.offers(to: client.address, hostname: client.name)
    else { return }
    let server = intake.authentication[authentication.server]
    if server.mechanisms == nil { _ = await server.open(timeout: authentication.timeout) }
    let usable = await authentication.usable(
      server.mechanisms ?? [], underTLS: core.isSecure)
    core.offeredMechanisms = Array(usable.map(\.name).joined(separator: " ").utf8)
  }

  /// Brings what the client sent to the authentication server, and its answer to the client.
  func authenticate() async throws(SessionEnd) -> SMTPServerStep {
    guard let authentication = rules.authentication, let attempt = core.attempt else {
      preconditionFailure("nobody logs in")
    }
    if !attempt.wasChallenged, let refusal = countEvent() {
      return core.decideAuthentication(.refuse(refusal), into: &out)
    }
    intake.page.rest()
    let server = intake.authentication[authentication.server]
    let outcome: (exchange: UInt32?, AuthenticationServer.Answer)
    if let exchange {
      self.exchange = nil
      outcome = await exchange.server.answer(
        exchange.id, attempt.response ?? [], timeout: authentication.timeout)
    } else {
      outcome = await begin(attempt, server, authentication)
    }
    exchange = outcome.exchange.map { OpenExchange(server: server, id: $0) }
    lines.lengthMax = exchange == nil ? rules.lineLengthMax : authentication.responseLimit
    let answer = Self.answer(outcome.1, attempt)
    if out.capacity == 0 { out = intake.replies.take() }
    let step = core.decideAuthentication(answer, into: &out)
    if core.notice != nil { logNotices() }
    return step
  }

  private func begin(
    _ attempt: SMTPAuthenticationAttempt, _ server: AuthenticationServer,
    _ authentication: AuthenticationRules
  ) async -> (exchange: UInt32?, AuthenticationServer.Answer) {
    let name = attempt.mechanism.uppercased()
    // What a server offers is known once it has been reached.
    if server.mechanisms == nil { _ = await server.open(timeout: authentication.timeout) }
    if let known = server.mechanisms {
      let usable = await authentication.usable(known, underTLS: core.isSecure)
      guard usable.contains(where: { $0.name == name }) else {
        let reason = Array(AuthenticationServer.invalidMechanism.utf8)
        return (nil, .failure(SASLFailure(reason: reason)))
      }
    }
    var request = SASLRequest(
      service: authentication.service, mechanism: name,
      remote: (client.address, client.port))
    if let local = try? stream.localAddress, let address = local.ipAddress {
      request.local = (address.unmapped, local.port ?? 0)
    }
    request.isSecure = core.isSecure
    request.initialResponse = attempt.response
    return await server.begin(request, timeout: authentication.timeout)
  }

  private static func answer(
    _ answer: AuthenticationServer.Answer, _ attempt: SMTPAuthenticationAttempt
  ) -> SMTPAuthenticationAnswer {
    switch answer {
    case .challenge(let text): return .challenge(text)
    case .success(let user):
      return .success(
        SMTPLogin(mechanism: attempt.mechanism.uppercased(), user: text(user)))
    case .failure(let failure):
      let reason = failure.reason.map(text)
      if failure.isTemporary {
        // Nobody is to be banned for it: the words are those of a lost connection.
        return .unavailable(reason: reason ?? AuthenticationServer.connectionLost)
      }
      return .failure(reason: reason, user: failure.user.map(text))
    case .unavailable(let reason): return .unavailable(reason: reason)
    }
  }

  private static func text(_ bytes: [UInt8]) -> String {
    var bytes = bytes
    bytes.makePrintable(from: 0)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Ends an exchange that the client does not go on with.
  func dropExchange() {
    lines.lengthMax = rules.lineLengthMax
    guard let exchange else { return }
    self.exchange = nil
    exchange.server.cancel(exchange.id)
  }

  /// Appends `, sasl_method=PLAIN, sasl_username=alice, sasl_sender=x` as far as it is known.
  func appendLogin(to line: inout [UInt8]) {
    if let login = core.login {
      line.append(text: ", sasl_method=")
      line.append(string: login.mechanism)
      line.append(text: ", sasl_username=")
      line.append(string: login.user)
    }
    if let sender = core.transaction?.authorizedSender, !sender.isEmpty {
      line.append(text: ", sasl_sender=")
      line.append(peerText: sender)
    }
  }

  /// The line of `Received:` that names the user, without what has a meaning in a comment.
  var loginTrace: [UInt8] {
    guard rules.authentication?.tellsInReceived == true, let login = core.login else { return [] }
    var line: [UInt8] = []
    line.append(text: "\t(Authenticated sender: ")
    line += login.user.utf8.map { byte in
      let isPlain = byte >= ASCII.space && byte < 0x7f && !"()\\".utf8.contains(byte)
      return isPlain ? byte : UInt8(ascii: "?")
    }
    line.append(text: ")\r\n")
    return line
  }

  /// Who logged in, for the envelope.
  func loginAttributes(_ transaction: SMTPTransaction) -> SASLAttributes? {
    guard let login = core.login else { return nil }
    return SASLAttributes(
      method: Array(login.mechanism.utf8), user: Array(login.user.utf8),
      sender: transaction.authorizedSender)
  }
}
