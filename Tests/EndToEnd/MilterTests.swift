import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Real milters before a relay.
  struct MilterTests {
    /// The messages, by their subjects.
    private static let messages: [String: String] = [
      "plain": "hello\r\n", "dots": "..one\r\n...\r\nx..\r\n", "empty": "",
      "large": (0..<60_000).map { "line \($0) of a body that leaves the memory\r\n" }.joined(),
    ]

    /// What arrives behind a server with these milters, by subject.
    private static func arrivals(
      through server: any MailServer, at sink: SMTPSink
    ) throws -> [String: String] {
      let dialog = try SMTPDialog(greetedAt: server.port)
      for (subject, body) in messages {
        try dialog.say("MAIL FROM:<a@\(OpenDKIM.domain)>", expecting: 250)
        try dialog.say("RCPT TO:<b@example.org>", expecting: 250)
        try dialog.say("DATA", expecting: 354)
        let header = """
          From: a@\(OpenDKIM.domain)\r
          Date: Fri, 27 Nov 2026 02:50:51 +0000\r
          Message-Id: <\(subject)@\(OpenDKIM.domain)>\r
          Subject: \(subject)\r\n\r\n
          """
        try dialog.say("\(header)\(body).", expecting: 250)
      }
      try sink.wait(forCount: messages.count, until: .after(.seconds(30)))
      var found: [String: String] = [:]
      try sink.forEachMessage { message in
        let text = String(decoding: message.content, as: UTF8.self)
        guard let mark = text.range(of: "\nSubject: ") else { return }
        found[String(text[mark.upperBound...].prefix { $0 != "\n" })] = text
      }
      return found
    }

    /// The header fields' names in their order.
    private static func names(_ message: String) -> [String] {
      let header = message.range(of: "\n\n").map { message[..<$0.lowerBound] } ?? message[...]
      return header.split(separator: "\n").filter { !$0.hasPrefix("\t") && !$0.hasPrefix(" ") }
        .map { String($0.prefix { $0 != ":" }) }
    }

    @Test(.enabled(if: Subject.isMartinet && PostfixOracle.isAvailable), .timeLimit(.minutes(2)))
    func mailIsSignedByOneAndFoundGoodByTheNextAsBehindPostfix() throws {
      let milters = try OpenDKIM()
      let list = "inet:127.0.0.1:\(milters.signerPort), inet:localhost:\(milters.verifierPort)"
      var results: [[String: String]] = []
      for isPostfix in [false, true] {
        let sink = try SMTPSink(capturing: true)
        let settings = ["smtpd_milters": list, "milter_default_action": "reject"]
        let server: any MailServer =
          isPostfix
          ? try PostfixOracle(relayPort: sink.port, settings: settings)
          : try MartinetInstance(relayPort: sink.port, settings: settings)
        try server.start()
        results.append(try Self.arrivals(through: server, at: sink))
        try server.stop()
        try sink.stop()
      }
      for subject in Self.messages.keys {
        let ours = try #require(results[0][subject], "\(subject)")
        let theirs = try #require(results[1][subject], "\(subject)")
        #expect(Self.names(ours) == Self.names(theirs), "\(subject)")
        #expect(Self.names(ours).contains("DKIM-Signature"))
        for message in [ours, theirs] {
          let flat = message.replacing("\n\t", with: " ")
          #expect(flat.contains("Authentication-Results: \(OpenDKIM.verifierName);"))
          #expect(flat.contains("dkim=pass"), "\(subject): \(flat.prefix(2000))")
        }
        let bodies = [ours, theirs].map { message in
          message.range(of: "\n\n").map { String(message[$0.upperBound...]) }
        }
        #expect(bodies[0] == bodies[1], "\(subject)")
      }
      withExtendedLifetime(milters) {}
    }
  }
}
