import MailTypes
import SMTPClientCore
import Testing

struct FuzzTests {
  struct Generator {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
  }

  /// Replies that drive the dialogue into its corners; each may come at any time.
  static let corpus = [
    "220 mx.test ESMTP", "250 ok", "250-mx.test\r\n250-PIPELINING\r\n250 SIZE 500",
    "250-mx.test\r\n250 PIPELINING", "354 go", "421 4.3.2 bye", "450 4.2.0 later", "550 5.1.1 no",
    "garbage", "250-half\r\n550 5.0.0 other", "250 me.test", "999", "250\0x", "503 5.5.1 order",
    "250-mx.test\r\n250-STARTTLS\r\n250 PIPELINING", "454 4.7.0 no TLS",
    "220 go\r\n250 ok\r\n250 ok",
    "250-mx.test\r\n250-AUTH PLAIN LOGIN CRAM-MD5\r\n250-STARTTLS\r\n250 PIPELINING",
    "250-mx.test\r\n250 AUTH LOGIN", "334 eA==", "235 2.7.0 ok",
  ]
  static let demands = [
    ClientSecurity.plaintext, ClientSecurity(.optional), ClientSecurity(.mandatory),
    ClientSecurity(.mandatory, isWrapped: true),
  ]

  /// One random dialogue: each reply is a line of the corpus, mostly what helps it along. The
  /// record of all that the core did must not depend on how the bytes are cut.
  static func play(
    seed: UInt64, chunkSize: Int, security: ClientSecurity = .plaintext,
    authentication: ClientAuthentication? = nil, speaksLMTP: Bool = false
  ) -> [String] {
    var random = Generator(state: seed)
    var dialogue = Dialogue(security: security, authentication: authentication) {
      $0.speaksLMTP = speaksLMTP
    }
    // A transaction is handed over before the handshake, as the sender does it.
    dialogue.core.begin(transaction("first@t.test"))
    dialogue.chunkSize = chunkSize
    var record: [String] = []
    var open = 1
    for _ in 0..<60 {
      let seen = dialogue.actions()
      record += seen
      for line in seen where line.hasPrefix("done") { open -= 1 }
      switch seen.last {
      case "close": return record + ["open \(open)"]
      case "content":
        switch random.below(8) {
        case 0: dialogue.core.connectionLost(.closed)
        case 1: dialogue.core.contentInterrupted()
        default: dialogue.core.contentSent()
        }
      case "TLS":
        switch random.below(8) {
        case 0: dialogue.core.handshakeFailed(mayGoWithout: true)
        case 1: dialogue.core.handshakeFailed(mayGoWithout: false)
        case 2: dialogue.core.serverNotProven()
        default: dialogue.core.secured()
        }
      case "ready":
        let count = 1 + random.below(3)
        dialogue.core.begin(
          OutboundTransaction(
            sender: .null,
            recipients: (0..<count).map { OutboundRecipient(MailAddress("r\($0)@t.test")) },
            size: random.below(1000)))
        open += 1
      default:
        let isHelpful = random.below(4) > 0
        let pick =
          isHelpful
          ? helpful(seen.last, logsIn: authentication != nil) : corpus[random.below(corpus.count)]
        dialogue.receive(pick + "\r\n")
      }
    }
    dialogue.core.connectionLost(.timedOut)
    let seen = dialogue.actions()
    for line in seen where line.hasPrefix("done") { open -= 1 }
    return record + seen + ["open \(open)"]
  }

  static func helpful(_ wait: String?, logsIn: Bool) -> String {
    switch wait {
    case "await greeting": corpus[0]
    case "await dataInit": corpus[4]
    case "await helo": corpus[logsIn ? 17 : 14]
    case "await startTLS": corpus[0]
    default: corpus[1]
    }
  }

  @Test func everyDialogueEndsTheSameWholeAndByteByByte() throws {
    var sent = 0
    var logins = 0
    var fallbacks = 0
    let authentication = try Dialogue.authentication()
    for seed in 0..<4000 {
      let security = Self.demands[seed % 4]
      let login = seed % 8 < 4 ? nil : authentication
      let whole = Self.play(
        seed: UInt64(seed), chunkSize: .max, security: security, authentication: login)
      let parts = Self.play(
        seed: UInt64(seed), chunkSize: 1, security: security, authentication: login)
      #expect(whole == parts, "seed \(seed)")
      #expect(whole.last == "open 0", "seed \(seed)")
      for command in ["C: AUTH", "C: MAIL"] where security.demand == .mandatory {
        let place = whole.firstIndex { $0.hasPrefix(command) } ?? whole.endIndex
        #expect(place == whole.endIndex || whole[..<place].contains("TLS"), "seed \(seed)")
      }
      let hasFallenBack = whole.contains { $0.contains("wants plaintext") }
      let hasLoggedIn = whole.contains { $0.hasPrefix("C: AUTH") }
      // The password would follow on the connection without TLS.
      #expect(login == nil ? !hasLoggedIn : !hasFallenBack, "seed \(seed)")
      if hasFallenBack { fallbacks += 1 }
      if hasLoggedIn { logins += 1 }
      sent += whole.filter { $0.contains(" sent ") }.count
    }
    #expect(sent > 2000 && logins > 100 && fallbacks > 10)
  }

  @Test func soDoesEveryDialogueByLMTP() {
    var mixed = 0
    for seed in 0..<2000 {
      let whole = Self.play(seed: UInt64(seed), chunkSize: .max, speaksLMTP: true)
      let parts = Self.play(seed: UInt64(seed), chunkSize: 1, speaksLMTP: true)
      #expect(whole == parts, "seed \(seed)")
      #expect(whole.last == "open 0", "seed \(seed)")
      #expect(!whole.contains { $0.hasPrefix("C: EHLO") || $0.hasPrefix("C: HELO") })
      // Recipients of one message with different fates after its content.
      for (place, line) in whole.enumerated() where line.hasPrefix("done") {
        let results = whole[(place + 1)...].prefix { $0.first?.isNumber == true }
        if results.contains(where: { $0.contains(" sent ") }),
          results.contains(where: { $0.contains("end of DATA") })
        {
          mixed += 1
        }
      }
    }
    #expect(mixed > 20)
  }
}
