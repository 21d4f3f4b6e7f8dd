import RealPeers
import Testing

extension EndToEnd {
  /// The same lists and dialogues to a private Postfix and to Martinet: replies and log lines are
  /// the same.
  struct AccessOracleTests {
    /// How many listeners one instance has beside its usual one.
    private static let batchSize = 12

    private static let settings = [
      "mydestination": "here.test, localhost", "relay_domains": "relay.test",
      "mynetworks": "192.0.2.0/24", "smtpd_error_sleep_time": "0",
      "smtpd_forbid_unauth_pipelining": "no", "inet_interfaces": "loopback-only",
    ]

    static let batches = stride(from: 0, to: AccessCase.all.count, by: batchSize).map {
      $0..<min($0 + batchSize, AccessCase.all.count)
    }

    @Test(.enabled(if: PostfixOracle.isAvailable), .timeLimit(.minutes(2)), arguments: batches)
    func repliesAndLogLinesAreTheSame(_ batch: Range<Int>) throws {
      let cases = AccessCase.all[batch]
      let ports = try cases.map { _ in try Loopback.freePort() }
      let services = zip(cases, ports).map { Self.service($0, port: $1) }
      // What Postfix 3.7 has no parameter for, it does not see.
      let settings = Self.settings.filter { $0.key != "smtpd_forbid_unauth_pipelining" }
      let postfix = try PostfixOracle(settings: settings, services: services)
      let martinet = try MartinetInstance(
        settings: Self.settings.merging(["smtpd_process_count": "1"]) { $1 }, services: services)
      let theirs = try Self.play(cases, ports, on: postfix)
      let ours = try Self.play(cases, ports, on: martinet)
      for (access, (their, our)) in zip(cases, zip(theirs, ours)) {
        #expect(our.replies == their.replies, "\(access)")
        #expect(our.log == their.log, "\(access)")
      }
    }

    private static func service(_ access: AccessCase, port: UInt16) -> String {
      let options = access.options.sorted { $0.key < $1.key }.map {
        "\n  -o { \($0.key) = \($0.value) }"
      }
      return "127.0.0.1:\(port) inet n - n - - smtpd" + options.joined()
    }

    private struct Record {
      var replies: [String] = []
      var log: [String] = []
    }

    private static func play(
      _ cases: ArraySlice<AccessCase>, _ ports: [UInt16], on server: any MailServer
    ) throws -> [Record] {
      try server.start()
      var records: [Record] = []
      // The connections by which the start was seen: a greeting, and here one that says nothing.
      let connections = server is PostfixOracle ? 1 : 2
      try server.log.wait(
        forCount: connections, of: "disconnect from", until: .after(.seconds(20)))
      var next = server.log.lines.count
      for (access, port) in zip(cases, ports) {
        var record = Record(replies: try replies(to: access, at: port))
        let end = try server.log.wait(
          for: "disconnect from", from: next, until: .after(.seconds(20))
        ).index
        record.log = server.log.lines[next..<end].compactMap { plain("\($0)") }
        next = end + 1
        records.append(record)
      }
      try server.stop()
      return records
    }

    private static func replies(to access: AccessCase, at port: UInt16) throws -> [String] {
      let dialog = try SMTPDialog(port: port)
      defer { dialog.close() }
      let greeting = try dialog.reply()
      var replies = [greeting.code == 220 ? "220" : "\(greeting)"]
      for line in access.dialog + ["QUIT"] {
        guard let reply = try reply(to: line, in: dialog) else { return replies + ["closed"] }
        let isHello = line.hasPrefix("EHLO") && reply.code == 250
        replies.append(isHello ? "250" : plainID("\(reply)"))
      }
      return replies
    }

    /// The reply to a line; `nil` when the server closes instead.
    private static func reply(
      to line: String, in dialog: SMTPDialog
    ) throws(PeerError) -> SMTPReply? {
      do throws(PeerError) {
        return try dialog.ask(line)
      } catch {
        guard case .closed = error else { throw error }
        return nil
      }
    }

    /// A line of `smtpd` about access, without what differs from run to run.
    private static func plain(_ line: String) -> String? {
      guard line.contains("/smtpd["), let start = line.firstRange(of: "]: ") else { return nil }
      let text = String(line[start.upperBound...])
      let others = [
        "connect from ", "lost connection after ", "mapping DSN status ", "warning: restriction ",
        "improper command pipelining ",
      ]
      if others.contains(where: text.hasPrefix) { return nil }
      // Here a warning goes on with the reason.
      if let lookup = text.firstRange(of: " lookup error"), text.hasPrefix("warning: ") {
        return String(text[..<lookup.upperBound])
      }
      return plainID(text.replacing("unknown[127.0.0.1]", with: "localhost[127.0.0.1]"))
    }

    /// The text with queue ids made the same.
    private static func plainID(_ text: String) -> String {
      text.replacing(#/^[0-9A-Za-z]{10,}: /#, with: "ID: ")
        .replacing(#/queued as [0-9A-Za-z]+/#, with: "queued as ID")
        .replacing("unknown[127.0.0.1]", with: "localhost[127.0.0.1]")
    }
  }
}
