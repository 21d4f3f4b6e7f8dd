import Foundation
import TestSupport

/// A message as `smtp-sink` took it: the envelope and the content with LF line ends, unstuffed.
package struct SunkMessage: Sendable {
  /// The address in MAIL FROM.
  package let sender: String
  /// The addresses in RCPT TO, in order.
  package let recipients: [String]
  /// The name in EHLO or HELO.
  package let helo: String
  /// The content that the client sent.
  package let content: [UInt8]

  /// Reads a capture file of one message.
  package init?(dump: [UInt8]) {
    var sender: String?
    var helo = ""
    var recipients: [String] = []
    var rest = dump[...]
    // The sink's own fields come first and end with its Received field of three lines.
    while let end = rest.firstIndex(of: 10) {
      let line = String(decoding: rest[..<end], as: UTF8.self)
      rest = rest[(end + 1)...]
      let value = line.drop { $0 != ":" }.dropFirst(2)
      let address = String(value.dropFirst().prefix { $0 != ">" })
      if line.hasPrefix("X-Mail-Args:") {
        sender = address
      } else if line.hasPrefix("X-Rcpt-Args:") {
        recipients.append(address)
      } else if line.hasPrefix("X-Helo-Args:") {
        helo = String(value)
      } else if line.hasPrefix("Received:") {
        break
      }
    }
    for _ in 0..<2 {
      guard let end = rest.firstIndex(of: 10) else { return nil }
      rest = rest[(end + 1)...]
    }
    guard let sender, rest.last == 10 else { return nil }
    self.sender = sender
    self.helo = helo
    self.recipients = recipients
    content = Array(rest.dropLast())
  }
}

/// Postfix's `smtp-sink` on a port of loopback; it may keep each message in a file.
package final class SMTPSink: Sendable {
  /// The port.
  package let port: UInt16
  private let program: Program
  private let folder: TemporaryDirectory?

  /// Starts it and waits until it listens. `options` are the program's own; with `capturing`, each
  /// message is kept.
  package init(
    port: UInt16? = nil, capturing: Bool = false, options: [String] = []
  ) throws {
    let port = try port ?? Loopback.freePort()
    self.port = port
    var arguments = options
    if capturing {
      let folder = try TemporaryDirectory(prefix: "martinet-sink")
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o777], ofItemAtPath: folder.path)
      // The time keeps apart what the sink's 32 random bits for each message might not.
      arguments += ["-d", folder.path("%H%M%S.")]
      self.folder = folder
    } else {
      folder = nil
    }
    if getuid() == 0 { arguments += ["-u", "nobody"] }
    program = try Program(
      "smtp-sink", ["-c", "-m", "2000"] + arguments + ["127.0.0.1:\(port)", "2000"])
    try program.waitUntilListening(on: port)
  }

  /// Shows the messages captured so far one after the other, in no order; one that is still being
  /// written is not among them.
  package func forEachMessage(_ body: (SunkMessage) throws -> Void) throws {
    guard let folder else { return }
    for name in try folder.names() {
      if let message = SunkMessage(dump: try folder.read(name)) { try body(message) }
    }
  }

  /// The messages captured so far.
  package func messages() throws -> [SunkMessage] {
    var messages: [SunkMessage] = []
    try forEachMessage { messages.append($0) }
    return messages
  }

  /// Waits until it has taken that many messages.
  package func wait(forCount count: Int, until deadline: Deadline) throws(PeerError) {
    try program.output.wait("\(count) messages", until: deadline) { line in
      let text = "\(line)"
      let mark = text.range(of: "mesg=")
      return mark.flatMap {
        Int(text[$0.upperBound...].drop { $0 == " " }.prefix(while: \.isNumber))
      }
        ?? 0 >= count
    }
  }

  /// Its process.
  package var process: RunningProcess? { RunningProcess(pid: program.pid) }

  /// Ends it.
  package func stop() throws {
    program.send(SIGTERM)
    try program.waitForExit(until: .after(.seconds(10)))
  }
}

extension Program {
  /// Waits until somebody accepts connections on a port; throws when the program ends before.
  package func waitUntilListening(
    on port: UInt16, within limit: Duration = .seconds(20)
  ) throws(PeerError) {
    let deadline = Deadline.after(limit)
    while true {
      if let descriptor = try? Loopback.connect(port: port, timeout: .seconds(1)) {
        close(descriptor)
        return
      }
      let exit = try? waitForExit(until: .after(.milliseconds(10)))
      if let exit { throw .failed(program: "\(name) (\(exit))", output: errors.text) }
      if deadline.hasPassed { throw .timedOut("\(name) to listen on port \(port)") }
    }
  }
}
