import RealPeers
import TLSEngine
import TestSupport
import Testing

extension EndToEnd {
  /// What a session costs while its client is silent.
  @Suite(.enabled(if: Subject.isMartinet))
  struct SessionMemoryTests {
    private static let sessionCount = 500

    /// The most memory that a session under TLS may take, in bytes: the certificate of a client
    /// that showed one is kept as long as its session.
    @Test(.timeLimit(.minutes(3)), arguments: [(false, 32 << 10), (true, 48 << 10)])
    func aSessionUnderTLSIsSmall(withCertificate: Bool, sizeMax: Int) throws {
      let keys = try CertificateFiles()
      let clients = try TestClients.shared.get()
      try keys.writeClients(clients)
      var settings = keys.settings
      settings["smtpd_process_count"] = "1"
      settings["smtpd_tls_loglevel"] = "0"
      settings["smtpd_tls_ask_ccert"] = withCertificate ? "yes" : "no"
      settings["smtpd_tls_CAfile"] = keys.path("ca.pem")
      let server = try MartinetInstance(settings: settings)
      try server.start()
      var client = TLSClientSettings()
      if withCertificate, let pair = clients.pairs["good"] {
        client.credentials = [
          .pair(
            chain: PEMFile(name: "chain", bytes: pair.certificate),
            key: PEMFile(name: "key", bytes: pair.key))
        ]
      }
      let context = try TLSContext(client: client)
      func connect() throws -> SMTPDialog {
        let dialog = try SMTPDialog(greetedAt: server.port)
        try dialog.say("STARTTLS", expecting: 220)
        try dialog.secure(context)
        try dialog.say("EHLO client.test", expecting: 250)
        return dialog
      }
      // What the first sessions take is there for all.
      var open = try (0..<50).map { _ in try connect() }
      let process = try #require(server.processes(role: "smtpd").first)
      let before = process.memory
      open += try (0..<Self.sessionCount).map { _ in try connect() }
      let each = (process.memory - before) / Self.sessionCount
      #expect(each <= sizeMax, "\(each) bytes for each session")
      // A count that shows no session at all would show nothing.
      #expect(each > 1000, "\(each) bytes for each session")
      for dialog in open { try dialog.say("QUIT", expecting: 221) }
      try server.stop()
    }
  }
}
