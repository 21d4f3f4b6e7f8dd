import Foundation
import Glibc

/// An SMTP server that does what a test says at each step and keeps what it acknowledged.
package final class ScriptedSink: Sendable {
  /// A step at which the server has to say something.
  package enum Step: Sendable {
    /// A new connection.
    case greeting
    /// `EHLO` or `HELO`, with its line.
    case hello(String)
    /// `MAIL FROM` with the address.
    case sender(String)
    /// `RCPT TO` with the address.
    case recipient(String)
    /// `DATA`.
    case data
    /// The end of the content.
    case content(Received)
  }

  /// What the server does.
  package enum Action: Sendable {
    /// Goes on as a willing server would.
    case accept
    /// Sends a reply of its own; 4xx and 5xx refuse the step.
    case reply(String)
    /// Closes without a word.
    case close
    /// Takes the content as accepted, but closes before the reply.
    case acceptAndClose
    /// Says nothing more and reads until the client leaves.
    case hang
  }

  /// A message that the server took.
  package struct Received: Sendable {
    /// The address in MAIL FROM.
    package var sender = ""
    /// MAIL and each RCPT, with their parameters, as they came.
    package var commands: [String] = []
    /// The addresses that were accepted.
    package var recipients: [String] = []
    /// The content with LF line ends, unstuffed.
    package var content: [UInt8] = []
    /// Whether the content held a CR or LF by itself.
    package var hasBareLineEnd = false
    /// The number of the connection, from 0 on.
    package var session = 0
  }

  private struct State {
    var received: [Received] = []
    var sessions = 0
    var open = 0
    var stopped = false
  }

  /// The port of loopback.
  package let port: UInt16
  private let listener: Int32
  private let state = Monitor(State())

  /// Listens and follows the script, which is called from several threads at once.
  package init(
    port: UInt16 = 0, script: @escaping @Sendable (Step) -> Action = { _ in .accept }
  ) throws(PeerError) {
    let listener = try Loopback.listen(port: port, backlog: 1000)
    self.listener = listener
    self.port = try Loopback.port(of: listener)
    let state = self.state
    Thread.detachNewThread {
      while true {
        let descriptor = accept(listener, nil, nil)
        if descriptor < 0, errno == EINTR || errno == ECONNABORTED { continue }
        guard descriptor >= 0 else { break }
        Loopback.limit(descriptor, timeout: .seconds(60))
        let number = state.change { state in
          defer { state.sessions += 1 }
          state.open += 1
          return state.sessions
        }
        Thread.detachNewThread {
          SinkSession(descriptor, number: number, script: script) { message in
            state.change { $0.received.append(message) }
          }.run()
          state.change { $0.open -= 1 }
        }
      }
      close(listener)
    }
  }

  deinit { stop() }

  /// What it acknowledged so far.
  package var received: [Received] { state.read(\.received) }

  /// Connections so far.
  package var sessions: Int { state.read(\.sessions) }

  /// Waits until it has acknowledged that many messages.
  package func wait(forCount count: Int, until deadline: Deadline) throws(PeerError) {
    let reached: Bool? = state.wait(until: deadline) { $0.received.count >= count ? true : nil }
    if reached == nil { throw .timedOut("\(count) messages, \(received.count) came") }
  }

  /// Stops listening; open sessions go on.
  package func stop() {
    let first = state.change { state in
      defer { state.stopped = true }
      return !state.stopped
    }
    if first { shutdown(listener, Int32(SHUT_RDWR)) }
  }
}

/// The server's side of one connection.
private struct SinkSession {
  private let stream: BlockingStream
  private let script: @Sendable (ScriptedSink.Step) -> ScriptedSink.Action
  private let keep: (ScriptedSink.Received) -> Void
  private var message = ScriptedSink.Received()

  init(
    _ descriptor: Int32, number: Int,
    script: @escaping @Sendable (ScriptedSink.Step) -> ScriptedSink.Action,
    keep: @escaping (ScriptedSink.Received) -> Void
  ) {
    stream = BlockingStream(descriptor)
    self.script = script
    self.keep = keep
    message.session = number
  }

  /// What the session does after a step.
  private enum Outcome { case accepted, refused, ended }

  func run() {
    var session = self
    // A peer that breaks off is part of what is tested.
    do { try session.converse() } catch {}
    stream.close()
  }

  private mutating func converse() throws(PeerError) {
    guard try answer(.greeting, "220 sink.test ESMTP") == .accepted else { return }
    while let bytes = try stream.readLine(waitingFor: "a command") {
      let line = String(decoding: bytes, as: UTF8.self)
      guard try command(line) != .ended else { return }
    }
  }

  private mutating func command(_ line: String) throws(PeerError) -> Outcome {
    switch line.prefix(4).uppercased() {
    case "EHLO":
      return try answer(
        .hello(line),
        "250-sink.test\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250 "
          + "ENHANCEDSTATUSCODES")
    case "HELO": return try answer(.hello(line), "250 sink.test")
    case "MAIL":
      let address = Self.address(in: line)
      reset()
      message.sender = address
      message.commands = [line]
      return try answer(.sender(address), "250 2.1.0 Ok")
    case "RCPT":
      let address = Self.address(in: line)
      message.commands.append(line)
      let outcome = try answer(.recipient(address), "250 2.1.5 Ok")
      if outcome == .accepted { message.recipients.append(address) }
      return outcome
    case "DATA":
      guard !message.recipients.isEmpty else {
        try say("554 5.5.1 no valid recipients")
        return .refused
      }
      let outcome = try answer(.data, "354 go on")
      return outcome == .accepted ? try content() : outcome
    case "RSET":
      reset()
      try say("250 2.0.0 Ok")
    case "NOOP": try say("250 2.0.0 Ok")
    case "QUIT":
      try say("221 2.0.0 Bye")
      return .ended
    default: try say("502 5.5.2 not known")
    }
    return .accepted
  }

  private mutating func content() throws(PeerError) -> Outcome {
    message.content = []
    message.hasBareLineEnd = false
    while true {
      guard var line = try stream.readThroughLineFeed(waitingFor: "content") else { return .ended }
      if line == Array(".\r\n".utf8) { break }
      if line.first == UInt8(ascii: ".") { line.removeFirst() }
      if line.suffix(2) == [13, 10] { line.remove(at: line.count - 2) } else { noteBareLineEnd() }
      if line.contains(13) { noteBareLineEnd() }
      message.content += line
    }
    switch script(.content(message)) {
    case .accept:
      keep(message)
      try say("250 2.0.0 Ok")
    case .acceptAndClose:
      keep(message)
      return .ended
    case .reply(let text):
      if text.hasPrefix("2") { keep(message) }
      try say(text)
    case .close: return .ended
    case .hang: return try hang()
    }
    reset()
    return .accepted
  }

  private mutating func noteBareLineEnd() { message.hasBareLineEnd = true }

  private func answer(_ step: ScriptedSink.Step, _ usual: String) throws(PeerError) -> Outcome {
    switch script(step) {
    case .accept:
      try say(usual)
      return .accepted
    case .reply(let text):
      try say(text)
      return text.hasPrefix("2") || text.hasPrefix("3") ? .accepted : .refused
    case .close, .acceptAndClose: return .ended
    case .hang: return try hang()
    }
  }

  private func hang() throws(PeerError) -> Outcome {
    while try stream.readThroughLineFeed(waitingFor: "the client to leave") != nil {}
    return .ended
  }

  private func say(_ line: String) throws(PeerError) { try stream.write(Array("\(line)\r\n".utf8)) }

  private mutating func reset() {
    message = ScriptedSink.Received(session: message.session)
  }

  private static func address(in line: String) -> String {
    String(line.drop { $0 != "<" }.dropFirst().prefix { $0 != ">" })
  }
}
