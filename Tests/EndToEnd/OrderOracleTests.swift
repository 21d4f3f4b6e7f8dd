import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// The same orders to Postfix's `postsuper` and to ours.
  @Suite(.enabled(if: Subject.isMartinet && PostfixOracle.isAvailable))
  struct OrderOracleTests {
    /// Command lines in which `ID0` and so on stand for messages, with standard input.
    private static let dialog: [(arguments: [String], input: String)] = [
      (["-h", "ALL", "incoming", "active"], ""), (["-h", "ALL", "deferred"], ""),
      (["-H", "ALL"], ""), (["-h", "ID0"], ""), (["-h", "ID0"], ""), (["-H", "ID0"], ""),
      (["-H", "ID0"], ""),
      (["-d", "ID1"], ""), (["-d", "ID1"], ""), (["-dID1"], ""), (["-d", "NOSUCH1234567"], ""),
      (["-d", "!!"], ""), (["-d", "a b"], ""), (["-d", "all"], ""), (["-h", "-"], "ID2\nID3\n"),
      (["-h", "-"], "\nx y\nID2\n"), (["-H", "ALL"], ""), (["-h", "ALL"], ""),
      (["-h", "ALL"], ""), (["-H", "ALL", "hold"], ""), (["-h", "ALL"], ""), (["-e", "ID2"], ""),
      (["-e", "ID2"], ""),
      (["-d", "ID3", "-h", "ID3"], ""), (["-h", "ALL", "bogus"], ""), ([], ""), (["-s"], ""),
      (["-p", "-s"], ""), (["-x"], ""), (["-d"], ""), (["-r", "ID4"], ""), (["-f", "ID2"], ""),
      (["-r", "ALL"], ""), (["-d", "ALL"], ""),
    ]

    /// Exit status and standard error of each command line, the queue ids replaced.
    private func answers(
      _ executable: [String], _ configuration: String, _ ids: [Int: String]
    ) throws -> [String] {
      func named(_ text: String) -> String {
        ids.reduce(text) { $0.replacingOccurrences(of: "ID\($1.key)", with: $1.value) }
      }
      return try Self.dialog.map { line in
        let command =
          executable + ["-c", configuration] + line.arguments.map(named)
        let outcome = try Program.outcome(
          "sh", ["-c", "printf %s \"$0\" | \"$@\"", named(line.input)] + command)
        let said = ids.reduce(outcome.errors) {
          $0.replacingOccurrences(of: $1.value, with: "ID\($1.key)")
        }
        return "\(line.arguments) \(line.input.debugDescription): \(outcome.exit)\n\(said)"
      }
    }

    @Test(.timeLimit(.minutes(2)))
    func postsuperAnswersAsThatOfPostfix() throws {
      let sink = try ScriptedSink { step in
        if case .recipient = step { .reply("451 4.3.0 later") } else { .accept }
      }
      let oracle = try PostfixOracle(
        relayPort: sink.port, settings: ["enable_long_queue_ids": "yes"])
      try oracle.start()
      let martinet = try MartinetInstance(relayPort: sink.port)
      try martinet.start()
      func fill(_ port: UInt16, _ log: LineLog) throws -> [Int: String] {
        let ids = try MailLoad(port: port).run(0..<5, within: .seconds(20)).acknowledged
        try #require(ids.count == 5)
        try log.wait(forCount: 5, of: "status=deferred", until: .after(.seconds(20)))
        return ids
      }
      let theirs = try answers(
        ["postsuper"], oracle.configuration, try fill(oracle.port, oracle.log))
      let ours = try answers(
        [MartinetInstance.executable, "postsuper"], martinet.folder.path("etc"),
        try fill(martinet.port, martinet.log))
      // Mail that is released waits for a queue run there, and is tried at once here: it may be in
      // flight when the next order comes, which only ours says.
      let note = "postsuper: deliveries under way, whose results still count:"
      for (their, said) in zip(theirs, ours) {
        let our = said.split(separator: "\n", omittingEmptySubsequences: false).filter {
          !$0.hasPrefix(note)
        }.joined(separator: "\n")
        // How much there is after a requeue and an expiry, and what is active or deferred at a
        // moment, depends on when the other side has come to it.
        if ["-r", "-d", "-h"].contains(where: { their.hasPrefix("[\"\($0)\", \"ALL\"") }) {
          #expect(Self.withoutCounts(our) == Self.withoutCounts(their))
        } else {
          #expect(our == their)
        }
      }
      try oracle.stop()
      try martinet.stop()
    }

    private static func withoutCounts(_ text: String) -> String {
      text.filter { !$0.isNumber }.replacing(" messages\n", with: " message\n")
    }
  }
}
