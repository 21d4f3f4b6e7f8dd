import MailTypes
import Primitives
import SMTPGrammar
import Testing

@testable import SMTPServerCore

/// Plays a session: feeds bytes, answers the core's questions as a small site would, and keeps
/// what the core wrote.
struct Session {
  var core: SMTPServerCore
  var lines = LineBuffer(lengthMax: 2048)
  var scanner: ContentScanner?
  var content: [UInt8] = []
  var received: [[UInt8]] = []
  var out: [UInt8] = []
  var isOpen = true
  var isShakingHands = false
  /// What is said to STARTTLS; `nil` when it is taken.
  var tlsRefusal: SMTPReply?
  var contentReply: SMTPReply?
  var contentRefusal: SMTPReply?
  /// What is said to a chunk that is not the last; `nil` when it is taken.
  var chunkReply: SMTPReply?
  private var chunkDue: Int?
  private var isDroppingChunk = false
  private var isChunked = false

  init(_ change: (inout SMTPServerSettings) -> Void = { _ in }) {
    var settings = SMTPServerSettings(
      myhostname: "mx.example.test", banner: "mx.example.test ESMTP Postfix")
    settings.messageSizeLimit = 10240
    settings.forbidsUnauthorizedPipelining = false
    change(&settings)
    core = SMTPServerCore(
      rules: SMTPServerRules(settings),
      client: SMTPClientIdentity(name: "localhost", address: IPAddress("127.0.0.1")!, port: 4))
  }

  mutating func feed(_ input: [UInt8]) {
    input.withUnsafeBytes { lines.append($0) }
    while isOpen {
      if isChunked, !core.isReceivingChunks, chunkDue == nil { forgetChunks() }
      if scanner != nil, !core.isReceivingChunks, chunkDue == nil {
        guard takeContent() else { return }
        continue
      }
      if chunkDue != nil {
        guard takeChunk() else { return }
        continue
      }
      var core = core
      var out = out
      let step: SMTPServerStep? = lines.takeLine { line, kind in
        core.handle(line, kind, into: &out)
      }
      self.core = core
      self.out = out
      guard let step else { return }
      follow(step)
    }
  }

  private mutating func takeContent() -> Bool {
    guard !lines.isEmpty else { return false }
    var scanner = scanner!
    var content = content
    lines.takeBytes { scanner.scan($0, into: &content) }
    self.content = content
    guard scanner.isFinished else {
      self.scanner = scanner
      return false
    }
    self.scanner = nil
    received.append(content)
    self.content = []
    let id = QueueID(microseconds: 1_700_000_000_000_000, sequence: UInt64(received.count))
    follow(
      core.contentFinished(
        contentReply.map { .refused($0) } ?? .queued(id), size: scanner.contentSize, into: &out))
    return true
  }

  /// Takes or drops what there is of the chunk at hand; false when more of it must come.
  private mutating func takeChunk() -> Bool {
    guard let chunk = core.chunk, var due = chunkDue else { return false }
    if due > 0 {
      guard !lines.isEmpty else { return false }
      var scanner = scanner
      var content = content
      let isDropped = isDroppingChunk
      lines.takeBytes {
        let used = min($0.count, due)
        due -= used
        if !isDropped { _ = scanner?.scan(.init(rebasing: $0[..<used]), into: &content) }
        return used
      }
      self.scanner = scanner
      self.content = content
      chunkDue = due
      guard due == 0 else { return false }
    }
    chunkDue = nil
    if isDroppingChunk {
      isDroppingChunk = false
      follow(core.chunkDropped(into: &out))
    } else if chunk.isLast {
      var scanner = scanner!
      scanner.finishChunks(into: &content)
      received.append(content)
      let id = QueueID(microseconds: 1_700_000_000_000_000, sequence: UInt64(received.count))
      follow(
        core.contentFinished(
          contentReply.map { .refused($0) } ?? .queued(id), size: scanner.contentSize, into: &out))
    } else {
      follow(core.chunkFinished(chunkReply, into: &out))
    }
    return true
  }

  private mutating func forgetChunks() {
    isChunked = false
    scanner = nil
    content = []
  }

  private mutating func follow(_ first: SMTPServerStep) {
    var step = first
    while true {
      switch step {
      case .next: return
      case .receiveContent:
        scanner = ContentScanner()
        return
      case .receiveChunk:
        if scanner == nil { scanner = ContentScanner(isChunked: true) }
        isChunked = true
        chunkDue = core.chunk?.count
        return
      case .dropChunk:
        isDroppingChunk = true
        chunkDue = core.chunk?.count
        return
      case .close:
        isOpen = false
        return
      case .authenticate: step = core.decideAuthentication(judge(core.attempt!), into: &out)
      case .authorizeHelo:
        let isBad = core.pendingHelo?.name == "bad.test"
        let denied = SMTPReply(554, EnhancedStatus(5, 7, 1), "Access denied")
        step = core.decide(isBad ? .refuse(denied) : .accept, into: &out)
      case .authorizeETRN:
        let isBad = core.pendingETRN == "bad.test"
        let denied = SMTPReply(554, EnhancedStatus(5, 7, 1), "Access denied")
        step = core.decide(isBad ? .refuse(denied) : .accept, into: &out)
      case .authorizeTLS:
        step = core.decide(tlsRefusal.map { .refuse($0) } ?? .accept, into: &out)
      case .startTLS:
        lines.discard()
        isShakingHands = true
        return
      case .authorizeSender:
        let isBad = core.transaction?.sender.foldedDomain == "bad.test"
        let full = SMTPReply.insufficientStorage
        step = core.decide(isBad ? .refuse(full) : .accept, into: &out)
      case .admitContent:
        step = core.decide(contentRefusal.map { .refuse($0) } ?? .accept, into: &out)
      case .authorizeRecipient:
        step = core.decide(judge(core.pendingRecipient!), into: &out)
      }
    }
  }

  private func judge(_ recipient: MailAddress) -> SMTPVerdict {
    switch recipient.foldedDomain {
    case "other.test":
      return .refuse(
        SMTPReply(454, EnhancedStatus(4, 7, 1), "<\(recipient)>: Relay access denied"))
    case "hangup.test":
      return .refuse(SMTPReply(421, EnhancedStatus(4, 7, 0), "Go away"))
    default: return .accept
    }
  }

  /// Knows a user with the password `good`, asks for what AUTH did not bring, and is at times away.
  private func judge(_ attempt: SMTPAuthenticationAttempt) -> SMTPAuthenticationAnswer {
    guard attempt.mechanism == "PLAIN" || attempt.mechanism == "LOGIN" else {
      return .failure(reason: "Invalid authentication mechanism", user: nil)
    }
    switch attempt.response.map({ String(decoding: $0, as: UTF8.self) }) {
    case nil: return .challenge(Array("VXNlcm5hbWU6".utf8))
    case "Z29vZA==": return .success(SMTPLogin(mechanism: attempt.mechanism, user: "alice"))
    case "YXdheQ==": return .unavailable(reason: "Connection lost to authentication server")
    case "bW9yZQ==": return .challenge([])
    default: return .failure(reason: nil, user: "alice")
    }
  }

  /// Plays a dialog of lines `C: …` and `S: …` and reports where the replies differ.
  mutating func play(_ dialog: String) {
    var expected = ""
    for line in dialog.split(separator: "\n") {
      if line.hasPrefix("C:") {
        #expect(text() == expected, "before \(line)")
        expected = ""
        out = []
        guard isOpen else {
          Issue.record("closed before \(line)")
          return
        }
        feed(Array(line.dropFirst(3).utf8) + Array("\r\n".utf8))
      } else {
        expected += line.dropFirst(3) + "\n"
      }
    }
    #expect(text() == expected, "at the end")
  }

  func text() -> String {
    String(decoding: out.filter { $0 != 13 }, as: UTF8.self)
  }
}

let ehlo = """
  S: 250-mx.example.test
  S: 250-PIPELINING
  S: 250-SIZE 10240
  S: 250-VRFY
  S: 250-ETRN
  S: 250-ENHANCEDSTATUSCODES
  S: 250-8BITMIME
  S: 250-DSN
  S: 250-SMTPUTF8
  S: 250 CHUNKING
  """
