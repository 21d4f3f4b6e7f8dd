import Foundation
import RealPeers
import TestSupport
import Testing

/// A relay between a client with wishes about reports (RFC 3461) and three servers: one that
/// offers everything, one that offers nothing, and one that takes the reports.
final class ReportScene {
  /// Something to send, and how many reports come of it.
  struct Case: Sendable, CustomTestStringConvertible {
    var mail: String
    var recipients: [String]
    var content = "Subject: hi\r\n\r\nhello\r\n"
    var reports = 0

    var testDescription: String { ([mail] + recipients).joined(separator: " | ") }
  }

  /// What came of a case.
  struct Outcome: Equatable {
    /// MAIL and RCPT at the next hop, without what counts bytes.
    var commands: [[String]] = []
    /// The reports, as `ParsedReport` sees them.
    var reports: [ParsedReport] = []
    /// Lines of `bounce` and the verdicts of the delivery agents.
    var log: [String] = []
  }

  let server: any MailServer
  private let willing: ScriptedSink
  private let plain: ScriptedSink
  private let sender: ScriptedSink

  init(_ make: (_ settings: [String: String]) throws -> any MailServer) throws {
    let all = "250-sink.test\r\n250-SIZE\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8"
    willing = try Self.sink(hello: all)
    plain = try Self.sink(hello: "250 sink.test")
    sender = try Self.sink(hello: all)
    let routes = [("dsn.test", willing), ("plain.test", plain), ("src.test", sender)].map {
      "{ \($0) = smtp:[127.0.0.1]:\($1.port) }"
    }
    server = try make([
      "transport_maps": "inline:{ \(routes.joined(separator: ", ")), "
        + "{ void.test = discard:nowhere } }",
      "smtputf8_enable": "yes",
    ])
    try server.start()
  }

  private static func sink(hello: String) throws -> ScriptedSink {
    try ScriptedSink { step in
      switch step {
      case .hello: .reply(hello)
      case .recipient(let address) where address.hasPrefix("bad"):
        .reply("550-5.1.1 no such \u{fc}ser,\r\n550 5.1.1 really")
      default: .accept
      }
    }
  }

  /// Plays a case to its end.
  func play(_ what: Case) throws -> Outcome {
    let before = (willing.received.count, plain.received.count, sender.received.count)
    let lines = server.log.lines.count
    let gone = server.log.count(of: ": removed")
    let dialog = try SMTPDialog(greetedAt: server.port)
    try dialog.say("MAIL FROM:\(what.mail)", expecting: 250)
    for recipient in what.recipients { try dialog.say("RCPT TO:\(recipient)", expecting: 250) }
    try dialog.say("DATA", expecting: 354)
    try dialog.send(raw: Array("\(what.content).\r\n".utf8))
    let id = try dialog.expect(250, to: "the content").description.split(separator: " ").last ?? ""
    try dialog.say("QUIT", expecting: 221)
    try server.log.wait(
      forCount: gone + 1 + what.reports, of: ": removed", until: .after(.seconds(30)))
    var outcome = Outcome()
    let relayed = willing.received[before.0...] + plain.received[before.1...]
    outcome.commands = relayed.map { $0.commands.sorted().map(Self.bare) }
    outcome.reports = sender.received[before.2...].map { ParsedReport($0, about: "\(id)") }
      .sorted { $0.header.joined() < $1.header.joined() }
    outcome.log = server.log.lines[lines...].map { "\($0)" }.filter { $0.contains("\(id): ") }
      .compactMap(Self.judgement).sorted()
    return outcome
  }

  private static func bare(_ command: String) -> String {
    command.replacing(/[ ]SIZE=\d+/, with: "")
  }

  /// What a line says, without names and numbers that differ.
  private static func judgement(_ line: String) -> String? {
    if let found = line.firstMatch(of: /dsn=.*, status=.*/) { return "\(found.0)" }
    guard let found = line.firstMatch(of: /\/bounce\[\d+\]: (.*)/) else { return nil }
    return "\(found.1)".replacing(/\b[0-9A-Za-z]{10,}\b/, with: "ID")
  }
}

/// A report, without what differs from host to host and from minute to minute.
struct ParsedReport: Equatable {
  /// Fields of the header.
  let header: [String]
  /// For each part its type, its description, and what is compared of it.
  let parts: [[String]]

  init(_ received: ScriptedSink.Received, about id: String) {
    let text = String(decoding: received.content, as: UTF8.self)
    let boundary = text.firstMatch(of: /boundary="([^"]*)"/).map { "\($0.1)" } ?? "none"
    let pieces = text.components(separatedBy: "\n--\(boundary)")
    let kept = ["From:", "Subject:", "To:", "Auto-Submitted:", "MIME-Version:"]
    header =
      pieces[0].split(separator: "\n").map(String.init).filter { line in
        kept.contains { line.hasPrefix($0) }
      } + [pieces[0].contains("multipart/report; report-type=delivery-status") ? "report" : "none"]
    parts = pieces.dropFirst().map { piece in
      Self.part(piece.replacing(id, with: "ID").replacing(/:\d{4,5}\b/, with: ":PORT"))
    }
  }

  private static func part(_ piece: String) -> [String] {
    let halves = piece.split(separator: "\n\n", maxSplits: 1)
    guard let labels = halves.first, halves.count == 2 else { return [piece] }
    let type = labels.firstMatch(of: /Content-Type: ([^;\n]*)/).map { "\($0.1)" } ?? "none"
    let description = labels.firstMatch(of: /Content-Description: (.*)/).map { "\($0.1)" } ?? ""
    let content = String(halves[1])
    let first = String(content.split(separator: "\n")[0])
    switch type {
    case "text/plain":
      let paragraphs = content.components(separatedBy: "\n\n").filter { $0.hasPrefix("<") }
      return [type, description, first] + paragraphs.map(unfolded)
    case "message/delivery-status", "message/global-delivery-status":
      let fields = content.replacing(/Arrival-Date: .*/, with: "Arrival-Date")
      return [type, description] + fields.components(separatedBy: "\n\n").map(unfolded)
    default:
      return [type, description, first, "\(content.contains("hello"))"]
    }
  }

  /// Where a line is broken is nobody's business.
  private static func unfolded(_ text: String) -> String {
    text.replacing("\n    ", with: " ").trimmingCharacters(in: .newlines)
  }
}
