import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Next hops that are hosts by name.
  @Suite(.enabled(if: Subject.isMartinet))
  struct NamedHostTests {
    @Test(.timeLimit(.minutes(1)))
    func aHostInBracketsIsReachedByItsName() throws {
      let sink = try SMTPSink()
      let server = try MartinetInstance(
        relayPort: sink.port,
        settings: [
          "relayhost": "[localhost]:\(sink.port)",
          "transport_maps": "inline:{ { gone.test=smtp:[none.invalid] } }",
        ])
      try server.start()
      var load = MailLoad(port: server.port)
      load.recipients = { [["a@sink.test"], ["b@gone.test"]][$0] }
      try #require(try load.run(0..<2, within: .seconds(20)).acknowledged.count == 2)
      try server.log.wait(forCount: 2, of: "status=", until: .after(.seconds(40)))
      let fates = server.log.fates(by: "smtp").sorted()
      #expect(
        fates.first
          == "to=<a@sink.test>, relay=localhost[127.0.0.1]:\(sink.port), dsn=2.0.0, status=sent "
          + "(250 2.0.0 Ok)")
      #expect(
        fates.last?.hasPrefix(
          "to=<b@gone.test>, relay=none, dsn=4.4.1, status=deferred "
            + "(connect to none.invalid[unknown]:25: ")
          == true, "\(fates)")
      try server.stop()
    }
  }
}
