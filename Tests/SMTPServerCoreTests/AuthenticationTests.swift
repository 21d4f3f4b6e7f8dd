import MailTypes
import Primitives
import SMTPGrammar
import Testing

@testable import SMTPServerCore

@Suite struct AuthenticationTests {
  private static func session(_ change: (inout SMTPServerSettings) -> Void = { _ in }) -> Session {
    var session = Session {
      $0.authenticates = true
      change(&$0)
    }
    session.core.offeredMechanisms = Array("PLAIN LOGIN".utf8)
    return session
  }

  private static let ehloWithAuth = ehlo.replacing(
    "S: 250-ETRN\n", with: "S: 250-ETRN\nS: 250-AUTH PLAIN LOGIN\n")

  @Test func aLoginIsKeptThroughTheSession() {
    var session = Self.session()
    session.play(
      """
      C: EHLO client.test
      \(Self.ehloWithAuth)
      C: AUTH PLAIN Z29vZA==
      S: 235 2.7.0 Authentication successful
      C: AUTH PLAIN Z29vZA==
      S: 503 5.5.1 Error: already authenticated
      C: RSET
      S: 250 2.0.0 Ok
      C: EHLO client.test
      \(Self.ehloWithAuth)
      C: MAIL FROM:<a@b.test> AUTH=x+3Dy@b.test
      S: 250 2.1.0 Ok
      C: AUTH PLAIN Z29vZA==
      S: 503 5.5.1 Error: MAIL transaction in progress
      """)
    #expect(session.core.login == SMTPLogin(mechanism: "PLAIN", user: "alice"))
    #expect(session.core.transaction?.authorizedSender == Array("x+3Dy@b.test".utf8))
    #expect("\(session.core.traceProtocolName)" == "ESMTPA")
    var counters: [UInt8] = []
    session.core.counters.append(to: &counters)
    #expect(
      String(decoding: counters, as: UTF8.self)
        == " ehlo=2 auth=1/3 mail=1 rset=1 commands=5/7")
  }

  @Test func theTraceFieldSaysHowTheMessageCame() {
    var session = Self.session()
    session.play("C: HELO c\nS: 250 mx.example.test\nC: AUTH PLAIN Z29vZA==\n\(Self.success)")
    #expect("\(session.core.traceProtocolName)" == "SMTP")
    session.out = []
    session.play("C: EHLO c\n\(Self.ehloWithAuth)\nC: MAIL FROM:<a@b> SMTPUTF8\nS: 250 2.1.0 Ok")
    #expect("\(session.core.traceProtocolName)" == "UTF8SMTPA")
  }

  private static let success = "S: 235 2.7.0 Authentication successful"

  @Test func challengesAreAnsweredLineByLine() {
    var session = Self.session()
    session.play(
      """
      C: AUTH LOGIN
      S: 334 VXNlcm5hbWU6
      C: bW9yZQ==
      S: 334\u{20}
      C: Z29vZA==
      S: 235 2.7.0 Authentication successful
      """)
    #expect(session.core.attempt == nil)
    // A client that does not wait is served as well.
    var other = Self.session()
    other.feed(Array("AUTH LOGIN\r\nbW9yZQ==\r\nZ29vZA==\r\nNOOP\r\n".utf8))
    #expect(
      other.text()
        == "334 VXNlcm5hbWU6\n334 \n235 2.7.0 Authentication successful\n250 2.0.0 Ok\n")
  }

  @Test func whatIsNoResponseEndsTheAttempt() {
    var session = Self.session { $0.hardErrorLimit = 100 }
    for (response, reply, notice) in [
      (
        "*", "501 5.7.0 Authentication aborted",
        "warning: localhost[127.0.0.1]: SASL LOGIN authentication aborted"
      ),
      (
        "* ", "535 5.7.8 Error: authentication failed: Invalid base64 data in continued response",
        "warning: localhost[127.0.0.1]: SASL LOGIN authentication failed: "
          + "Invalid base64 data in continued response, sasl_username=(unavailable)"
      ),
      (
        "d3Jvbmc=", "535 5.7.8 Error: authentication failed: (reason unavailable)",
        "warning: localhost[127.0.0.1]: SASL LOGIN authentication failed: (reason unavailable), "
          + "sasl_username=alice"
      ),
      (
        "YXdheQ==",
        "454 4.7.0 Temporary authentication failure: Connection lost to authentication server",
        "warning: localhost[127.0.0.1]: SASL LOGIN authentication failed: "
          + "Connection lost to authentication server, sasl_username=(unavailable)"
      ),
      (String(repeating: "A", count: 2052), "500 5.5.6 SASL response limit exceeded", nil),
    ] {
      session.play("C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: \(response)\nS: \(reply)")
      #expect(session.core.notice == notice)
      session.core.notice = nil
      session.out = []
      #expect(session.core.attempt == nil && session.core.login == nil)
      session.play("C: NOOP\nS: 250 2.0.0 Ok")
      session.out = []
    }
    #expect(session.core.errorCount == 5)
  }

  @Test func initialResponsesAreLettersOrNothing() {
    var session = Self.session { $0.hardErrorLimit = 100 }
    session.play(
      """
      C: AUTH
      S: 501 5.5.4 Syntax: AUTH mechanism
      C: AUTH PLAIN x y
      S: 501 5.5.4 Syntax: AUTH mechanism
      C: AUTH PLAIN !!!
      S: 535 5.7.8 Error: authentication failed: Invalid base64 data in initial response
      C: AUTH PLAIN =
      S: 535 5.7.8 Error: authentication failed: (reason unavailable)
      C: AUTH FOO
      S: 535 5.7.8 Error: authentication failed: Invalid authentication mechanism
      """)
  }

  @Test func whereNobodyMayLogInTheCommandIsRefused() {
    let changes: [(inout SMTPServerSettings) -> Void] = [
      { $0.authenticates = false }, { $0.discardedKeywords = .auth },
      { $0.authenticatesUnderTLSOnly = true },
    ]
    for change in changes {
      var session = Self.session(change)
      session.play(
        """
        C: EHLO client.test
        \(ehlo)
        C: AUTH PLAIN Z29vZA==
        S: 503 5.5.1 Error: authentication not enabled
        C: MAIL FROM:<a@b.test> AUTH=<>
        S: 250 2.1.0 Ok
        """)
    }
    var polite = Self.session { $0.heloRequired = true }
    polite.play("C: AUTH PLAIN\nS: 503 5.5.1 Error: send HELO/EHLO first")
    var secure = Self.session { $0.security = .demanded }
    secure.play("C: AUTH PLAIN\nS: 530 5.7.0 Must issue a STARTTLS command first")
  }

  @Test func tlsForgetsWhoLoggedIn() {
    var session = Self.session { $0.security = .offered }
    session.play(
      """
      C: AUTH PLAIN Z29vZA==
      S: 235 2.7.0 Authentication successful
      C: STARTTLS
      S: 220 2.0.0 Ready to start TLS
      """)
    _ = session.core.beginSecurely()
    #expect(session.core.login == nil)
    session.out = []
    session.play("C: AUTH PLAIN Z29vZA==\n\(Self.success)")
    #expect("\(session.core.traceProtocolName)" == "ESMTPSA")
  }

  @Test func brokenClientsFindTheOldForm() {
    var session = Self.session {
      $0.offersAuthenticationTwice = true
      $0.discardedKeywords = [
        .enhancedStatusCodes, .eightBitMIME, .dsn, .smtputf8, .chunking, .silently,
      ]
    }
    session.play(
      """
      C: EHLO client.test
      S: 250-mx.example.test
      S: 250-PIPELINING
      S: 250-SIZE 10240
      S: 250-VRFY
      S: 250-ETRN
      S: 250-AUTH PLAIN LOGIN
      S: 250 AUTH=PLAIN LOGIN
      """)
  }

  @Test func passwordsThatComeTooLateAreNotLogged() {
    var session = Self.session()
    session.feed(Array("AUTH FOO\r\n9GFzc3dvcmQ=\r\n".utf8))
    #expect(session.text().hasSuffix("221 2.7.0 Error: I can break rules, too. Goodbye.\n"))
    #expect(session.core.notice == "warning: non-SMTP command from localhost[127.0.0.1]: ")
    var other = Self.session()
    other.feed(Array("9GFzc3dvcmQ=\r\n".utf8))
    #expect(other.core.notice?.hasSuffix(": 9GFzc3dvcmQ=") == true)
  }
}
