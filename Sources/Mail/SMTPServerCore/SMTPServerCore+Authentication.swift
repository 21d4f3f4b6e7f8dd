package import MailTypes
import Primitives
import SASL
import SMTPGrammar

/// Who a client has proved to be.
package struct SMTPLogin: Equatable, Sendable {
  /// The mechanism, in capitals.
  package let mechanism: String
  /// The user, as the authentication server names it; fit for logs.
  package let user: String

  /// Names a user.
  package init(mechanism: String, user: String) {
    self.mechanism = mechanism
    self.user = user
  }
}

/// An AUTH command and what the client sent for it last.
package struct SMTPAuthenticationAttempt: Equatable, Sendable {
  /// The mechanism as the client named it, fit for logs.
  package let mechanism: String
  /// The initial response, or the response to the last challenge, in Base64; `nil` when AUTH had
  /// none.
  package internal(set) var response: [UInt8]?
  /// Whether there was a challenge.
  package internal(set) var wasChallenged = false
}

/// What the authentication server says to an attempt.
package enum SMTPAuthenticationAnswer: Equatable, Sendable {
  /// The client must answer this challenge, which is in Base64.
  case challenge([UInt8])
  /// The client is this user.
  case success(SMTPLogin)
  /// It is not, or this mechanism cannot be used; the user as far as it is known.
  case failure(reason: String?, user: String?)
  /// Nobody can tell now.
  case unavailable(reason: String)
  /// The attempt is not made.
  case refuse(SMTPReply)
}

/// AUTH (RFC 4954).
extension SMTPServerCore {
  /// Whether AUTH may be used now.
  package var mayAuthenticate: Bool {
    let settings = rules.settings
    return settings.authenticates && !hiddenKeywords.contains(.auth)
      && (isSecure || !settings.authenticatesUnderTLSOnly && settings.security != .demanded)
  }

  /// Whether the next line of the client's is the response to a challenge.
  package var expectsResponse: Bool { pending == .response }

  mutating func auth(
    _ line: UnsafeRawBufferPointer, _ argument: Range<Int>, into out: inout [UInt8]
  ) -> SMTPServerStep {
    countedEvent = .authentication
    if rules.settings.heloRequired, helo == nil {
      return fail("503 5.5.1 Error: send HELO/EHLO first\r\n", into: &out)
    }
    guard mayAuthenticate else {
      return fail("503 5.5.1 Error: authentication not enabled\r\n", into: &out)
    }
    guard transaction == nil, chunks.state == .none else {
      return fail("503 5.5.1 Error: MAIL transaction in progress\r\n", into: &out)
    }
    guard login == nil else {
      return fail("503 5.5.1 Error: already authenticated\r\n", into: &out)
    }
    let words = line[argument].split(whereSeparator: SMTPCommand.isSpace)
    guard let mechanism = words.first, words.count <= 2 else {
      return fail("501 5.5.4 Syntax: AUTH mechanism\r\n", into: &out)
    }
    let name = Self.printable(String(decoding: mechanism.prefix(100), as: UTF8.self))
    attempt = SMTPAuthenticationAttempt(mechanism: name)
    if words.count == 2 {
      // RFC 4954 4: `=` is the response that is empty.
      guard Base64.isText(words[1]) || words[1].elementsEqual("=".utf8) else {
        return failAuthentication("Invalid base64 data in initial response", nil, into: &out)
      }
      attempt?.response = Array(words[1])
    }
    pending = .authentication
    return .authenticate
  }

  /// Takes the line with which a client answers a challenge.
  mutating func takeResponse(
    _ line: UnsafeRawBufferPointer, _ kind: LineBuffer.Line, into out: inout [UInt8]
  ) -> SMTPServerStep {
    guard let attempt else { preconditionFailure("a response without an attempt") }
    pending = .nothing
    if kind == .tooLong {
      self.attempt = nil
      return fail("500 5.5.6 SASL response limit exceeded\r\n", into: &out)
    }
    if line.elementsEqual("*".utf8) {
      self.attempt = nil
      notice = "warning: \(client.logName): SASL \(attempt.mechanism) authentication aborted"
      return fail("501 5.7.0 Authentication aborted\r\n", into: &out)
    }
    guard Base64.isText(line) else {
      return failAuthentication("Invalid base64 data in continued response", nil, into: &out)
    }
    self.attempt?.response = Array(line)
    self.attempt?.wasChallenged = true
    pending = .authentication
    return .authenticate
  }

  /// Tells what became of the question that `authenticate` asked.
  package mutating func decideAuthentication(
    _ answer: SMTPAuthenticationAnswer, into out: inout [UInt8]
  ) -> SMTPServerStep {
    precondition(pending == .authentication, "nobody logs in")
    pending = .nothing
    switch answer {
    case .challenge(let text):
      out.append(text: "334 ")
      out.append(contentsOf: text)
      out.append(text: "\r\n")
      pending = .response
      return .next
    case .success(let login):
      attempt = nil
      self.login = login
      return succeed("235 2.7.0 Authentication successful\r\n", junk: false, into: &out)
    case .failure(let reason, let user):
      return failAuthentication(reason ?? "(reason unavailable)", user, into: &out)
    case .unavailable(let reason):
      warnOfFailure(reason, nil)
      attempt = nil
      return refuse(
        SMTPReply(
          454, EnhancedStatus(4, 7, 0), "Temporary authentication failure: \(reason)"),
        into: &out)
    case .refuse(let reply):
      attempt = nil
      return refuse(reply, into: &out)
    }
  }

  private mutating func failAuthentication(
    _ reason: String, _ user: String?, into out: inout [UInt8]
  ) -> SMTPServerStep {
    warnOfFailure(reason, user)
    attempt = nil
    return refuse(
      SMTPReply(535, EnhancedStatus(5, 7, 8), "Error: authentication failed: \(reason)"),
      into: &out)
  }

  /// Leaves the line that programs which ban clients look for.
  private mutating func warnOfFailure(_ reason: String, _ user: String?) {
    notice = Self.printable(
      "warning: \(client.logName): SASL \(attempt?.mechanism ?? "") authentication failed: "
        + "\(reason), sasl_username=\(user ?? "(unavailable)")")
  }

  /// Takes AUTH= of MAIL: on whose behalf the client sends (RFC 4954 5). It is kept as it was
  /// spelled, for the log and policies; nobody is trusted for it.
  func setAuthorizedSender(
    _ value: Slice<UnsafeRawBufferPointer>, _ envelope: inout SMTPTransaction
  ) {
    guard mayAuthenticate, !value.elementsEqual("<>".utf8),
      value.count <= ExtendedText.lengthMax,
      value.allSatisfy({ $0 > ASCII.space && $0 < 0x7f })
    else { return }
    envelope.authorizedSender = Array(value)
  }
}
