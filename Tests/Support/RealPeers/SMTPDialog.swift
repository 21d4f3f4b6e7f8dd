package import TLSEngine

/// A reply of an SMTP server.
package struct SMTPReply: Sendable, CustomStringConvertible {
  /// The three digits.
  package let code: Int
  /// The lines as they came, codes included.
  package let lines: [String]

  /// The lines in one text.
  package var description: String { lines.joined(separator: "\n") }
}

/// One session with an SMTP server, driven line by line, each step bounded in time.
package final class SMTPDialog {
  private let stream: BlockingStream

  /// Connects to a port of 127.0.0.1, from 127.0.0.`source` if that is given, and reads nothing
  /// yet.
  package init(
    port: UInt16, timeout: Duration = .seconds(20), from source: UInt8? = nil
  ) throws(PeerError) {
    stream = BlockingStream(try Loopback.connect(port: port, timeout: timeout, from: source))
  }

  /// Connects, expects the greeting and says `EHLO`.
  package convenience init(
    greetedAt port: UInt16, helo: String = "client.test", timeout: Duration = .seconds(20)
  ) throws(PeerError) {
    try self.init(port: port, timeout: timeout)
    try expect(220)
    try say("EHLO \(helo)", expecting: 250)
  }

  /// Sends a line with CRLF.
  package func send(_ line: String) throws(PeerError) {
    try stream.write(Array("\(line)\r\n".utf8))
  }

  /// Sends bytes as they are.
  package func send(raw bytes: [UInt8]) throws(PeerError) { try stream.write(bytes) }

  /// Reads a whole reply.
  package func reply(to sent: String = "the connection") throws(PeerError) -> SMTPReply {
    var lines: [String] = []
    while true {
      guard let bytes = try stream.readLine(waitingFor: "the reply to \(sent)") else {
        throw .closed("the reply to \(sent)")
      }
      let line = String(decoding: bytes, as: UTF8.self)
      lines.append(line)
      guard bytes.count >= 3, let code = Int(line.prefix(3)) else {
        throw .unexpected(sent: sent, got: line)
      }
      if bytes.count == 3 || bytes[3] != UInt8(ascii: "-") {
        return SMTPReply(code: code, lines: lines)
      }
    }
  }

  /// Reads a reply and throws unless it has the code.
  @discardableResult
  package func expect(_ code: Int, to sent: String = "the connection") throws(PeerError)
    -> SMTPReply
  {
    let reply = try reply(to: sent)
    guard reply.code == code else { throw .unexpected(sent: sent, got: reply.description) }
    return reply
  }

  /// Sends a line and throws unless the reply has the code.
  @discardableResult
  package func say(_ line: String, expecting code: Int) throws(PeerError) -> SMTPReply {
    try send(line)
    return try expect(code, to: line)
  }

  /// Sends a line and returns the reply whatever it is.
  package func ask(_ line: String) throws(PeerError) -> SMTPReply {
    try send(line)
    return try reply(to: line)
  }

  /// Sends one message whose content has CRLF line ends and is not dot-stuffed yet; returns the
  /// reply to the final dot.
  @discardableResult
  package func deliver(
    from sender: String, to recipients: [String], content: [UInt8]
  ) throws(PeerError) -> SMTPReply {
    try say("MAIL FROM:<\(sender)>", expecting: 250)
    for recipient in recipients { try say("RCPT TO:<\(recipient)>", expecting: 250) }
    try say("DATA", expecting: 354)
    try send(raw: DotStuffing.stuffed(content) + Array(".\r\n".utf8))
    return try reply(to: "the final dot")
  }

  /// Waits for the server to close; throws when it sends another line or the time is up.
  package func expectClose() throws(PeerError) {
    let line: [UInt8]?
    do {
      line = try stream.readLine(waitingFor: "the server to close")
    } catch {
      if case .closed = error { return }
      throw error
    }
    if let line {
      throw .unexpected(sent: "nothing", got: String(decoding: line, as: UTF8.self))
    }
  }

  /// Begins TLS; STARTTLS has been said, or need not be.
  @discardableResult
  package func secure(
    _ context: TLSContext, name: String? = nil, resuming session: TLSResumption? = nil
  ) throws(PeerError) -> TLSFacts {
    try stream.secure(context, name: name, resuming: session)
  }

  /// What is needed to take the TLS session up again; `nil` before the server has sent it.
  package var resumption: TLSResumption? { stream.resumption }

  /// Closes the connection; with `reset`, so that the server gets an error.
  package func close(reset: Bool = false) { stream.close(reset: reset) }
}

/// Transparency of message content (RFC 5321 4.5.2).
package enum DotStuffing {
  /// Content with CRLF line ends, with a dot put before each line that begins with one.
  package static func stuffed(_ content: [UInt8]) -> [UInt8] {
    let dot = UInt8(ascii: ".")
    var output: [UInt8] = []
    output.reserveCapacity(content.count + 16)
    var rest = content[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
      if rest.first == dot { output.append(dot) }
      output += rest[..<end]
      rest = rest[end...]
    }
    return output
  }
}
