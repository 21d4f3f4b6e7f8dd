import MailTypes
import Primitives
package import SASL
import SMTPGrammar

/// Who this host is to a server, and how it may say so.
package struct ClientAuthentication: Sendable {
  /// Name and password.
  package let login: SASLLogin
  /// How they may be sent.
  package let rules: SASLClientRules

  /// Joins both.
  package init(_ login: SASLLogin, rules: SASLClientRules) {
    self.login = login
    self.rules = rules
  }

  /// The mechanisms that a server offers and that the filter lets through, in capitals.
  func mechanisms(in lines: some Sequence<ArraySlice<UInt8>>) -> [String]? {
    for line in lines {
      // "AUTH=" is how an old draft, and servers for its clients, spell it.
      let text = line.dropFirst(4)
      guard text.count >= 4, ASCII.equalFolded(text.prefix(4), "AUTH".utf8) else { continue }
      let rest = text.dropFirst(4)
      if let next = rest.first, next != ASCII.space, next != ASCII.tab,
        next != UInt8(ascii: "=")
      {
        continue
      }
      let words = rest.split { $0 == ASCII.space || $0 == ASCII.tab || $0 == UInt8(ascii: "=") }
      return words.map { String(decoding: $0, as: UTF8.self).uppercased() }
        .filter(rules.mechanisms.contains)
    }
    return nil
  }
}

/// Authentication (RFC 4954), between the last EHLO and the first MAIL.
extension SMTPClientCore {
  /// Notes what the reply to EHLO offers.
  mutating func noteMechanisms(_ lines: some Sequence<ArraySlice<UInt8>>) {
    guard let authentication, !settings.discardedKeywords.contains("auth") else { return }
    offeredMechanisms = authentication.mechanisms(in: lines)
  }

  /// Begins to log in, if there is a login for the server and it offers AUTH.
  ///
  /// - Returns: whether mail has to wait, or cannot go at all.
  mutating func beginAuthentication() -> Bool {
    guard let authentication, let offeredMechanisms else { return false }
    let rules = authentication.rules
    guard !offeredMechanisms.isEmpty else {
      failAuthentication(
        ": server \(peer.label) offered no compatible authentication mechanisms for this type of "
          + "connection security")
      return true
    }
    let options =
      !isSecure ? rules.options : isProven ? rules.optionsForVerified : rules.optionsUnderTLS
    do throws(SASLClient.Failure) {
      var client = try SASLClient(
        authentication.login, offered: offeredMechanisms, options: options, code: rules.code)
      output.append(text: "AUTH ")
      output.append(string: client.mechanism.name)
      if let response = client.initialResponse() {
        output.append(ASCII.space)
        output += response
      }
      queue("")
      exchange = client
      state = .authentication
    } catch {
      failAuthentication("; cannot authenticate to server \(peer.label): \(error.reason)")
    }
    return true
  }

  /// Answers a challenge, or judges how the exchange has ended.
  mutating func takeAuthenticationReply() {
    switch parser.codeClass {
    case 3: answerChallenge()
    case 2:
      exchange = nil
      endHandshake()
    default:
      exchange = nil
      let status = parser.status
      let isSoft = authentication?.rules.isSoft ?? true
      let statusClass = isSoft && status.statusClass == 5 ? 4 : status.statusClass
      endWithGoodbye(
        "SASL authentication failed; server \(peer.label) said: ", reply: parser.logText,
        EnhancedStatus(statusClass, status.subject, status.detail))
    }
  }

  private mutating func answerChallenge() {
    guard var client = exchange else { preconditionFailure("no exchange is going on") }
    do throws(SASLClient.Failure) {
      let line = parser.lines.last ?? []
      output += try client.response(to: ASCII.trimmed(line.dropFirst(4)))
      queue("")
      exchange = client
    } catch {
      exchange = nil
      state = .closed
      fail(
        "SASL authentication failed; cannot authenticate to server \(peer.label): \(error.reason)",
        EnhancedStatus(4, 7, 0), .ehlo)
    }
  }

  private mutating func failAuthentication(_ reason: String) {
    endWithGoodbye("SASL authentication failed\(reason)", EnhancedStatus(4, 7, 0))
  }

  private mutating func endWithGoodbye(
    _ text: String, reply: [UInt8] = [], _ status: EnhancedStatus
  ) {
    let leaves = parser.code == 421
    state = .closed
    fail(text, reply: reply, status, .ehlo)
    guard !leaves else { return }
    state = .quit
    queue("QUIT")
  }
}
