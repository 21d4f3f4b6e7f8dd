import MailTypes
import SASL
import SMTPClientCore
import Testing

let peer = PeerName(
  host: "mx.test", address: "192.0.2.1", port: 25, destination: "there.test", detectsLoop: true)

func transaction(
  _ recipients: String..., sender: String = "s@here.test", size: Int = 1000,
  isEightBit: Bool = false, needsSMTPUTF8: Bool = false
) -> OutboundTransaction {
  OutboundTransaction(
    sender: MailAddress(sender),
    recipients: recipients.map {
      OutboundRecipient(MailAddress($0), dsnParameters: Array(" NOTIFY=NEVER".utf8))
    }, size: size, isEightBit: isEightBit, needsSMTPUTF8: needsSMTPUTF8,
    dsnParameters: Array(" RET=HDRS".utf8))
}

let plainHello = "250 mx.test"
let pipeliningHello = "250-mx.test\r\n250 PIPELINING"

/// Plays a server's part by hand: each call does what the core asks until it wants to read.
struct Dialogue {
  var core: SMTPClientCore
  var chunkSize = Int.max

  init(
    _ transaction: OutboundTransaction? = nil, peer: PeerName = peer,
    security: ClientSecurity = .plaintext, authentication: ClientAuthentication? = nil,
    _ change: (inout SMTPClientSettings) -> Void = { _ in }
  ) {
    var settings = SMTPClientSettings(myhostname: "me.test")
    change(&settings)
    core = SMTPClientCore(
      settings: settings, peer: peer, security: security, authentication: authentication)
    if let transaction { core.begin(transaction) }
    core.start()
  }

  /// User `u` with the password `p`.
  static func authentication(
    _ options: [String] = [], underTLS: [String] = [], forVerified: [String] = [],
    mechanisms: Set<String> = ["CRAM-MD5", "PLAIN", "LOGIN"], isSoft: Bool = true
  ) throws -> ClientAuthentication {
    let rules = SASLClientRules(
      mechanisms: mechanisms, options: try #require(SASLSecurityOptions(options)),
      optionsUnderTLS: try #require(SASLSecurityOptions(underTLS)),
      optionsForVerified: try #require(SASLSecurityOptions(forVerified)), isSoft: isSoft,
      code: { key, _ in key })
    return ClientAuthentication(try #require(SASLLogin(Array("u:p".utf8))), rules: rules)
  }

  /// A dialogue that has shaken hands and whose transaction has been handed over.
  init(hello: String, _ transaction: OutboundTransaction? = nil) {
    self.init()
    _ = step()
    _ = step("220 mx.test ESMTP")
    _ = step(hello)
    if let transaction { core.begin(transaction) }
  }

  /// Feeds a reply, then tells what the core did: `C: …` for what it sent, then what it wants.
  mutating func step(_ reply: String? = nil) -> [String] {
    if let reply { receive(reply + "\r\n") }
    return actions()
  }

  mutating func receive(_ text: String) {
    let bytes = Array(text.utf8)
    var start = 0
    while start < bytes.count {
      let end = start + min(chunkSize, bytes.count - start)
      Array(bytes[start..<end]).withUnsafeBytes { core.receive($0) }
      start = end
    }
  }

  mutating func actions() -> [String] {
    var seen: [String] = []
    while true {
      switch core.nextAction() {
      case .send:
        let text = String(decoding: core.output, as: UTF8.self)
        #expect(text.hasSuffix("\r\n"))
        seen.append("C: " + text.dropLast().split(separator: "\r\n").joined(separator: " | "))
        core.sent()
      case .sendContent:
        seen.append("content")
        return seen
      case .awaitReply(let kind):
        seen.append("await \(kind)")
        return seen
      case .startTLS:
        seen.append("TLS")
        return seen
      case .ready:
        seen.append("ready")
        return seen
      case .transactionDone(let end):
        seen.append(Self.describe(end))
        for result in end.results { seen.append(Self.describe(result)) }
      case .close:
        seen.append("close")
        return seen
      }
    }
  }

  static func describe(_ end: TransactionEnd) -> String {
    var words = ["done"]
    if end.isReusable { words.append("reusable") }
    if end.connectionFailed { words.append("connection failed") }
    if end.isStale { words.append("stale") }
    if end.wantsPlaintext { words.append("wants plaintext") }
    return words.joined(separator: ", ")
  }

  static func describe(_ result: RecipientResult) -> String {
    let text = String(decoding: result.text, as: UTF8.self)
    return "\(result.recipientIndex) \(result.outcome) \(result.status) (\(text))"
  }
}
