import Foundation
import TestSupport
import Testing

@testable import TLSEngine

/// A server that asks its clients for certificates.
@Suite struct ClientCertificateTests {
  private let clients: TestClients

  init() throws { clients = try TestClients.shared.get() }

  private func settings(
    trusting authority: TestCertificates.Pair? = nil, depth: Int = 9
  ) throws -> TLSServerSettings {
    var settings = try SessionTests.settings()
    settings.ticketSecret = TicketSecret(bytes: [UInt8](repeating: 9, count: 32), madeAt: 0)
    var certificates = TLSClientCertificates()
    let file = PEMFile(name: "ca", bytes: (authority ?? clients.authority).certificate)
    certificates.trust = try TLSTrust([file])
    certificates.named = file
    certificates.depth = depth
    settings.clientCertificates = certificates
    return settings
  }

  private func client(_ name: String?, versions: TLSVersions = .init()) throws -> TLSContext {
    var settings = TLSClientSettings()
    settings.versions = versions
    if let name {
      let pair = try #require(clients.pairs[name])
      settings.credentials = [
        .pair(
          chain: PEMFile(name: "chain", bytes: pair.certificate),
          key: PEMFile(name: "key", bytes: pair.key))
      ]
    }
    return try TLSContext(client: settings)
  }

  private func problem(
    _ name: String?, _ settings: TLSServerSettings, versions: TLSVersions = .init(),
    server: String? = nil
  ) throws -> TLSPeer.Problem?? {
    let wire = try Wire(
      TLSContext(server: settings), client: client(name, versions: versions), name: server)
    #expect(wire.shakeHands().server == .done(0))
    return wire.server.facts.peer.map(\.problem)
  }

  @Test(arguments: [0x0303, 0x0304] as [UInt16])
  func onlyWhatTheAuthoritySignedForClientsIsTrusted(version: UInt16) throws {
    let versions = TLSVersions(highest: version)
    let settings = try settings()
    #expect(try problem(nil, settings, versions: versions) == .none)
    #expect(try problem("good", settings, versions: versions) == .some(nil))
    #expect(try problem("deep", settings, versions: versions) == .some(nil))
    #expect(try problem("self", settings, versions: versions) == .some(.selfSigned))
    #expect(try problem("old", settings, versions: versions) == .some(.expired))
    #expect(try problem("server", settings, versions: versions) == .some(.purpose))
    #expect(
      try problem("alien", settings, versions: versions)
        == .some(.untrustedIssuer("/O=Strange/CN=Strange CA")))
  }

  @Test func withoutAuthoritiesNobodyIsTrusted() throws {
    var settings = try settings()
    settings.clientCertificates?.trust = nil
    for name in clients.pairs.keys {
      let found = try problem(name, settings)
      #expect(found != .none && found != .some(nil), "\(name)")
    }
  }

  @Test func aServerThatDoesNotAskHearsOfNoCertificate() throws {
    var settings = try settings()
    settings.clientCertificates = nil
    #expect(try problem("good", settings) == .none)
  }

  @Test func aChainMayNotBeTooLong() throws {
    #expect(try problem("deep", settings(depth: 2)) == .some(nil))
    let found = try problem("deep", settings(depth: 1))
    #expect(found == .some(.tooLong(1)), "\(String(describing: found))")
  }

  @Test func aNamedServerAsksAndTrustsLikeTheUsualOne() throws {
    var settings = try settings()
    let other = try TestCertificates.make(.ecdsa, name: "other.test")
    settings.nameLookup = { name in
      (name, [.sequence([PEMFile(name: "other", bytes: other.key + other.certificate)])])
    }
    #expect(try problem("good", settings, server: "other.test") == .some(nil))
    #expect(try problem("self", settings, server: "other.test") == .some(.selfSigned))
    #expect(try problem(nil, settings, server: "other.test") == .none)
  }

  @Test func whoItIsIsTold() throws {
    let pair = try #require(clients.pairs["good"])
    let wire = try Wire(TLSContext(server: settings()), client: client("good"))
    #expect(wire.shakeHands().server == .done(0))
    let shown = try #require(wire.server.peerCertificate("sha256"))
    #expect(shown.subject == "good.test")
    #expect(shown.issuer == "Test CA")
    #expect(shown.fullSubject == "/O=Test/CN=good.test")
    #expect(shown.fullIssuer == "/O=Test/CN=Test CA")
    #expect(
      wire.server.facts.clientSignatureText
        == "client-signature ECDSA (prime256v1) client-digest SHA256")
    #expect(try shown.fingerprint == fingerprint(pair, "x509 -outform DER"))
    #expect(
      try shown.keyFingerprint
        == fingerprint(pair, "x509 -noout -pubkey", "pkey -pubin -outform DER"))
  }

  /// What `openssl` makes of a certificate by some of its commands and `dgst`.
  private func fingerprint(
    _ pair: TestCertificates.Pair, _ commands: String...
  ) throws -> String {
    let folder = try TemporaryDirectory(prefix: "fingerprint")
    try Data(pair.certificate).write(to: URL(filePath: folder.path("certificate")))
    let pipeline = (commands + ["dgst -sha256 -c"]).map { "openssl \($0)" }
      .joined(separator: " | ")
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "\(pipeline) < \(folder.path("certificate"))"]
    // Only the first command reads the file.
    process.arguments = [
      "-c", "cat \(folder.path("certificate")) | \(pipeline)",
    ]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let text = String(decoding: said, as: UTF8.self)
    return text.split(separator: "=").last.map {
      $0.trimmingCharacters(in: .whitespacesAndNewlines).uppercased()
    } ?? ""
  }

  @Test func namesAreShortAndPrintableOrNone() throws {
    func shown(_ pair: TestCertificates.Pair) throws -> PeerCertificate {
      var settings = TLSClientSettings()
      settings.credentials = [
        .pair(
          chain: PEMFile(name: "chain", bytes: pair.certificate),
          key: PEMFile(name: "key", bytes: pair.key))
      ]
      let wire = try Wire(
        TLSContext(server: self.settings()), client: TLSContext(client: settings))
      #expect(wire.shakeHands().server == .done(0))
      return try #require(wire.server.peerCertificate("sha256"))
    }
    let nameless = try shown(#require(clients.pairs["nameless"]))
    #expect(nameless.subject == "" && nameless.issuer == "Nameless")
    let odd = try shown(#require(clients.pairs["odd"]))
    #expect(odd.subject == "(a)) \u{e4}\\ (b")
    #expect(odd.fullSubject == #"/O=Odd/CN=(a)) \xC3\xA4\ (b/CN=second"#)
    let control = try shown(TestCertificates.make(.ecdsa, subject: "/CN=a\nb\u{7f}"))
    #expect(control.subject == "" && control.issuer == "")
  }

  @Test func aSessionThatIsTakenUpAgainKeepsItsCertificate() throws {
    for (name, problem) in [("good", nil), ("self", TLSPeer.Problem.selfSigned)] {
      let client = try client(name)
      let first = try Wire(TLSContext(server: settings()), client: client)
      #expect(first.shakeHands().server == .done(0))
      let resumption = try #require(try first.takeResumption())
      let second = try Wire(TLSContext(server: settings()), client: client, resuming: resumption)
      #expect(second.shakeHands().server == .done(0))
      #expect(second.server.facts.isResumed)
      #expect(second.server.facts.peer == TLSPeer.of(problem))
      #expect(
        second.server.peerCertificate("sha256") == first.server.peerCertificate("sha256"))
    }
  }

  /// Else who is not trusted any more would be so until the ticket ends, and who had no certificate
  /// when none was asked for would be sent away.
  @Test func aSessionIsNotTakenUpAgainUnderOtherTrust() throws {
    let client = try client("good")
    let first = try Wire(TLSContext(server: settings()), client: client)
    #expect(first.shakeHands().server == .done(0))
    let resumption = try #require(try first.takeResumption())
    var open = try settings()
    open.clientCertificates = nil
    let strange = try TestCertificates.makeAuthority("/CN=Another CA")
    for other in [open, try settings(trusting: strange), try settings(depth: 3)] {
      let second = try Wire(TLSContext(server: other), client: client, resuming: resumption)
      #expect(second.shakeHands().server == .done(0))
      #expect(!second.server.facts.isResumed)
      #expect(second.server.facts.peer?.problem != nil || other.clientCertificates?.depth != 9)
    }
  }

  @Test func moreAuthoritiesThanClientsCanBeToldOfAreRefused() throws {
    let long = try TestCertificates.makeAuthority("/O=\(String(repeating: "x", count: 60))/CN=CA")
    var settings = try settings()
    let many = Array(repeatElement(long.certificate, count: 900).joined())
    settings.clientCertificates?.named = PEMFile(name: "many", bytes: many)
    #expect(throws: TLSSetupError.self) { try TLSContext(server: settings) }
  }
}

extension TLSPeer {
  fileprivate static func of(_ problem: Problem?) -> TLSPeer { TLSPeer(problem: problem) }
}
