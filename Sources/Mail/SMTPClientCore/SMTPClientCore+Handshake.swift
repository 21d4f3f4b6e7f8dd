import MailTypes
import Primitives
import SMTPGrammar

extension SMTPClientCore {
  /// Judges the greeting (RFC 5321 4.3.1) and says hello.
  mutating func takeGreeting() {
    guard parser.codeClass == 2 else {
      let isSoft = settings.skip5xxGreeting && parser.codeClass == 5
      return refused(in: .greeting, asClass: isSoft ? 4 : parser.codeClass)
    }
    if settings.speaksLMTP { return sayHello(.ehlo) }
    let words = parser.lines.first.map(ServerKeywords.words) ?? []
    let offersESMTP = words.contains { ASCII.equalFolded($0, "ESMTP".utf8) }
    let saysEHLO = settings.alwaysSendEHLO || offersESMTP
    sayHello(saysEHLO && !settings.neverSendEHLO ? .ehlo : .helo)
  }

  private mutating func sayHello(_ hello: State) {
    state = hello
    output.append(text: settings.speaksLMTP ? "LHLO " : hello == .ehlo ? "EHLO " : "HELO ")
    output.append(string: settings.heloName)
    queue("")
  }

  /// Judges the reply to EHLO or HELO; a server that refuses EHLO gets HELO (RFC 5321 3.2).
  mutating func takeHello() {
    guard parser.codeClass == 2 else {
      if state == .helo || parser.code == 421 || settings.speaksLMTP {
        return refused(in: helloPhase, asClass: parser.codeClass)
      }
      return sayHello(.helo)
    }
    let lines = parser.lines
    let name = lines.first.map(ServerKeywords.words)?.first ?? []
    if peer.detectsLoop, ASCII.equalFolded(name, settings.myhostname.utf8) {
      let phase = helloPhase
      state = .closed
      return fail(
        "mail for \(peer.destination) loops back to myself", EnhancedStatus(5, 4, 6), phase)
    }
    if state == .ehlo {
      (keywords, sizeLimit) = ServerKeywords.parse(
        lines: lines.dropFirst(), discarded: settings.discardedKeywords)
    }
    hasShakenHands = true
    state = .idle
    if transaction != nil { startTransaction() }
  }

  /// The command that was sent to say hello.
  var helloPhase: ClientPhase { settings.speaksLMTP ? .lhlo : state == .ehlo ? .ehlo : .helo }

  private mutating func refused(in phase: ClientPhase, asClass statusClass: UInt8) {
    let status = parser.status
    state = .closed
    fail(
      "host \(peer.label) refused to talk to me: ", reply: parser.logText,
      EnhancedStatus(statusClass, status.subject, status.detail), phase)
  }
}
