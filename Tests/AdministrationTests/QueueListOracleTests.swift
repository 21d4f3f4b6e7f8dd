import Foundation
import MailTypes
import Primitives
import RealPeers
import ServiceKit
import Testing

@testable import Administration

/// One line of `postqueue -j`.
private struct OracleEntry: Decodable {
  struct Recipient: Decodable {
    let address: String
    let delay_reason: String?
  }
  let queue_name: String
  let queue_id: String
  let arrival_time: Int64
  let message_size: UInt64
  let sender: String
  let recipients: [Recipient]

  func entry() throws -> QueueListEntry {
    let states: [QueueListEntry.State] = [.incoming, .active, .deferred, .hold]
    return QueueListEntry(
      id: try #require(QueueID(text: Array(queue_id.utf8))),
      state: try #require(states.first { $0.queueName == queue_name }),
      arrival: WallTime(microseconds: arrival_time * 1_000_000), size: message_size,
      sender: MailAddress(sender == "MAILER-DAEMON" ? "" : sender),
      recipients: recipients.map {
        .init(address: MailAddress($0.address), reason: Array(($0.delay_reason ?? "").utf8))
      })
  }
}

/// The listing of a queue, taken twice until nothing moved in between.
private func listings(
  of oracle: PostfixOracle, entries: Int
) throws -> (json: [String], text: [String]) {
  let deadline = Deadline.after(.seconds(20))
  while true {
    func run(_ option: String) throws -> [String] {
      try Program.run("postqueue", ["-c", oracle.configuration, option]).map(\.description)
    }
    let before = try run("-j")
    let text = try run("-p")
    let after = try run("-j")
    let isSettled = before.allSatisfy { $0.contains("delay_reason") && !$0.contains("\"active\"") }
    if before == after, before.count == entries, isSettled { return (before, text) }
    guard !deadline.hasPassed else { throw PeerError.timedOut("the queue to settle: \(after)") }
  }
}

@Suite(.enabled(if: PostfixOracle.isAvailable))
struct QueueListOracleTests {
  /// What Postfix shows of a queue in which there is all sorts of mail.
  private static func shown() throws -> (json: [String], text: [String]) {
    let sink = try ScriptedSink { step in
      guard case .recipient(let address) = step else { return .accept }
      return address.hasPrefix("long")
        ? .reply("450 4.2.1 " + String(repeating: "a very long story ", count: 8))
        : .reply("451 4.3.0 <\(address)>: \"later\" \\ perhaps")
    }
    let oracle = try PostfixOracle(
      relayPort: sink.port, settings: ["enable_long_queue_ids": "yes"])
    try oracle.start()
    let mails: [(sender: String, recipients: [String], size: Int)] = [
      ("a@example.org", ["b@example.net"], 10),
      ("", ["b@example.net", "c@example.net", "b@example.net"], 50_000),
      ("\"a \\\"b\"@example.org", ["long@example.net", "x@example.com"], 300_000),
      (String(repeating: "s", count: 60) + "@example.org", ["\"x y\"@example.net"], 2_000),
    ]
    for mail in mails {
      let dialog = try SMTPDialog(port: oracle.port)
      try dialog.expect(220)
      try dialog.say("EHLO client.test", expecting: 250)
      try dialog.say("MAIL FROM:<\(mail.sender)>", expecting: 250)
      for recipient in mail.recipients { try dialog.say("RCPT TO:<\(recipient)>", expecting: 250) }
      try dialog.say("DATA", expecting: 354)
      let line = [UInt8](repeating: 120, count: 78) + [13, 10]
      try dialog.send(raw: (0..<mail.size / 80 + 1).flatMap { _ in line })
      try dialog.say(".", expecting: 250)
      try dialog.say("QUIT", expecting: 221)
    }
    let shown = try listings(of: oracle, entries: mails.count)
    try oracle.stop()
    return shown
  }

  @Test func bothListingsAreThoseOfPostfixByteForByte() async throws {
    let (json, text) = try await onOwnThread { try Self.shown() }
    let entries = try json.map {
      try JSONDecoder().decode(OracleEntry.self, from: Data($0.utf8)).entry()
    }
    var list = QueueListText()
    var ours = entries.flatMap { list.lines(for: $0) }
    ours += Array(list.summary().utf8)
    let lines = String(decoding: ours, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.map(String.init).dropLast() == text[...])
    for (entry, line) in zip(entries, json) {
      #expect(String(decoding: QueueListJSON.line(for: entry), as: UTF8.self) == line + "\n")
    }
  }
}
