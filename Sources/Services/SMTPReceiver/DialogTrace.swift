import MailTypes
import Primitives
import Reactor
import SMTPGrammar
import ServiceKit

/// What a session shows to those who follow it: each line as it goes over the wire, in the shape
/// that Postfix gives a client in `debug_peer_list`. Content is no line of the dialogue, and what
/// proves who somebody is, is left out.
@ReactorActor
final class DialogTrace {
  /// The most of a line that is shown, in bytes.
  private static let lineLengthMax = 1000
  private static let hidden: StaticString = "(left out)"

  /// Whether the log gets the lines.
  let isLogged: Bool
  private let log: Log
  private let tag: [UInt8]
  private let client: [UInt8]
  private let port: UInt16
  private(set) var followers: [DialogFollower] = []
  /// The last reply that was sent asks for a secret (334).
  private var expectsSecret = false
  /// What was asked for last is unknown: a session was joined while it went on.
  private var hasJoined: Bool
  /// The last command was AUTH: what is no command may be an answer that came too late.
  private var followsAuthentication = false

  init(
    isLogged: Bool, hasJoined: Bool = false, log: Log, tag: [UInt8], client: [UInt8],
    port: UInt16
  ) {
    self.hasJoined = hasJoined
    self.isLogged = isLogged
    self.log = log
    self.tag = tag
    self.client = client
    self.port = port
  }

  func add(_ follower: DialogFollower) { followers.append(follower) }

  /// Drops who reads no more; true when somebody is left to write for.
  func remove(_ follower: DialogFollower) -> Bool {
    followers.removeAll { $0 === follower }
    return isLogged || !followers.isEmpty
  }

  /// Shows a line of the client's; `unsent` are the replies that were made since the last wait.
  func received(_ line: UnsafeRawBufferPointer, unsent: [UInt8]) {
    let verb = SMTPCommand(line).verb
    if verb != .unknown { followsAuthentication = verb == .auth }
    let mayAnswer = (hasJoined || followsAuthentication) && verb == .unknown
    hasJoined = false
    if mayAnswer || Self.endsWithChallenge(unsent) || unsent.isEmpty && expectsSecret {
      return write("< ") { $0.append(text: Self.hidden) }
    }
    let shown = line.prefix(Self.lineLengthMax)
    write("< ") { text in
      guard let secret = Self.secretStart(shown) else { return text.append(peerText: shown) }
      text.append(peerText: shown[..<secret])
      text.append(text: Self.hidden)
    }
  }

  /// Shows replies that are being sent.
  func sent(_ replies: ArraySlice<UInt8>) {
    expectsSecret = Self.endsWithChallenge(Array(replies))
    for line in replies.split(separator: ASCII.lf) {
      let bare = line.last == ASCII.cr ? line.dropLast() : line
      write("> ") { $0.append(peerText: bare.prefix(Self.lineLengthMax)) }
    }
  }

  private func write(_ direction: StaticString, _ content: (inout [UInt8]) -> Void) {
    if isLogged {
      log.line(tag: tag) {
        $0.append(text: direction)
        $0.append(contentsOf: client)
        $0.append(text: ": ")
        content(&$0)
      }
    }
    guard !followers.isEmpty else { return }
    var line: [UInt8] = []
    line.append(text: direction)
    line.append(contentsOf: client)
    line.append(text: ":")
    line.append(decimal: Int(port))
    line.append(text: ": ")
    content(&line)
    for follower in followers { follower.write(line) }
  }

  /// Whether the last line of some replies is a challenge of AUTH (RFC 4954 4).
  private static func endsWithChallenge(_ replies: [UInt8]) -> Bool {
    let lines = replies.split(separator: ASCII.lf)
    return lines.last?.starts(with: "334".utf8) ?? false
  }

  /// Where the initial response of an AUTH command begins.
  private static func secretStart(_ line: Slice<UnsafeRawBufferPointer>) -> Int? {
    let words = line.split(maxSplits: 2, whereSeparator: SMTPCommand.isSpace)
    guard words.count == 3, ASCII.equalFolded(words[0], "auth".utf8) else { return nil }
    return words[2].startIndex
  }
}
