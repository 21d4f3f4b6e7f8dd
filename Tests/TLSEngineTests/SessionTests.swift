import LinuxSystem
import TestSupport
import Testing

@testable import TLSEngine

/// Two sessions over a pair of sockets, driven by hand.
struct Wire {
  let server: TLSSession
  let client: TLSSession
  private let serverSocket: SharedDescriptor
  private let clientSocket: SharedDescriptor

  init(
    _ context: TLSContext, client: TLSContext? = nil, name: String? = nil,
    resuming: TLSResumption? = nil
  ) throws {
    ThisProcess.ignoreBrokenPipes()
    var pair = try Sockets.streamPair()
    serverSocket = SharedDescriptor(pair.takeFirst())
    clientSocket = SharedDescriptor(pair.takeSecond())
    server = try TLSSession.server(context, descriptor: serverSocket.raw)
    self.client = try TLSSession.client(
      client ?? .unverifiedClient(), descriptor: clientSocket.raw, name: name, resuming: resuming)
  }

  /// Takes turns until both have said that they are done, or the server has failed.
  func shakeHands() -> (server: TLSOutcome, client: TLSOutcome) {
    var last = (server: TLSOutcome.wantsRead, client: TLSOutcome.wantsRead)
    for _ in 0..<20 {
      if !client.isEstablished { last.client = client.handshake() }
      if !server.isEstablished { last.server = server.handshake() }
      if case .failed = last.server { break }
    }
    return last
  }

  /// What the client needs to come back: the server's ticket travels behind the handshake.
  func takeResumption() throws -> TLSResumption? {
    #expect(server.write(Array("x".utf8)) == .done(1))
    #expect(client.read() == Array("x".utf8))
    return client.resumption
  }
}

extension TLSSession {
  func write(_ bytes: [UInt8]) -> TLSOutcome { bytes.withUnsafeBytes { write($0) } }

  func read() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 65536)
    guard case .done(let count) = bytes.withUnsafeMutableBytes({ read(into: $0) }) else {
      return nil
    }
    return Array(bytes[..<count])
  }
}

@Suite struct SessionTests {
  static func settings(
    name: String = "smtpd", algorithms: [TestCertificates.Algorithm] = [.ecdsa]
  ) throws -> TLSServerSettings {
    TLSServerSettings(
      name: name,
      credentials: try algorithms.map { algorithm in
        let pair =
          switch algorithm {
          case .rsa: try TestCertificates.rsa.get()
          case .ecdsa: try TestCertificates.ecdsa.get()
          }
        return .pair(
          chain: PEMFile(name: "cert", bytes: pair.certificate),
          key: PEMFile(name: "key", bytes: pair.key))
      })
  }

  private static let secret = TicketSecret(bytes: [UInt8](repeating: 9, count: 32), madeAt: 0)!

  @Test func bytesGoBothWays() throws {
    let wire = try Wire(TLSContext(server: Self.settings()))
    let result = wire.shakeHands()
    #expect(result.server == .done(0) && result.client == .done(0))
    #expect(wire.client.write(Array("EHLO".utf8)) == .done(4))
    #expect(wire.server.read() == Array("EHLO".utf8))
    #expect(wire.server.read() == nil)
    #expect(wire.server.write(Array("250".utf8)) == .done(3))
    #expect(wire.client.read() == Array("250".utf8))
  }

  @Test(arguments: [
    (TestCertificates.Algorithm.rsa, "server-signature RSA-PSS (2048 bits)"),
    (.ecdsa, "server-signature ECDSA (prime256v1)"),
  ])
  func whatWasAgreedOnIsTold(algorithm: TestCertificates.Algorithm, signature: String) throws {
    let wire = try Wire(TLSContext(server: Self.settings(algorithms: [algorithm])))
    _ = wire.shakeHands()
    let facts = wire.server.facts
    #expect(facts.cipherText == "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)")
    #expect(facts.signatureText == "key-exchange X25519 \(signature) server-digest SHA256")
    #expect(!facts.isResumed)
  }

  @Test func anOlderVersionTellsItsCipherAlone() throws {
    let old = try TLSContext.unverifiedClient(
      versions: TLSVersions(highest: 0x0303), ciphers: "ECDHE-RSA-AES256-GCM-SHA384")
    let context = try TLSContext(server: Self.settings(algorithms: [.rsa, .ecdsa]))
    let wire = try Wire(context, client: old)
    _ = wire.shakeHands()
    let facts = wire.server.facts
    #expect(facts.cipherText == "TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)")
    #expect(facts.signatureText == nil)
  }

  @Test(arguments: [nil, "mx.example.org"] as [String?])
  func theSettingsAloneSayHowOldAVersionMayBe(name: String?) throws {
    var settings = try Self.settings()
    settings.versions = TLSVersions(lowest: 0x0301)
    let named = try Self.settings().credentials
    settings.nameLookup = { name in ("\(name)", named) }
    let old = try TLSContext.unverifiedClient(
      versions: TLSVersions(lowest: 0x0302, highest: 0x0302), ciphers: "ALL:@SECLEVEL=0")
    let wire = try Wire(TLSContext(server: settings), client: old, name: name)
    let result = wire.shakeHands()
    #expect(result.server == .done(0) && result.client == .done(0))
    #expect(wire.server.isEstablished && wire.server.facts.protocolName == "TLSv1.1")
  }

  @Test func stepsOfTheHandshakeAreToldWhereTheyAreWanted() throws {
    var settings = try Self.settings()
    settings.ticketSecret = Self.secret
    let context = try TLSContext(server: settings)
    let wire = try Wire(context)
    wire.server.noteSteps()
    _ = wire.shakeHands()
    let steps = wire.server.takeSteps()
    #expect(steps.first == .state("SSL_accept:before SSL initialization"))
    #expect(steps.contains(.state("SSL_accept:SSLv3/TLS read client hello")))
    #expect(
      steps.contains { if case .issuesTicket(let time) = $0 { time > 0 } else { false } })
    #expect(wire.server.takeSteps().isEmpty)
    // What the peer does later is no step of the handshake.
    #expect(wire.client.write(Array("EHLO".utf8)) == .done(4))
    #expect(wire.server.read() == Array("EHLO".utf8))
    wire.server.sayGoodbye()
    #expect(wire.server.takeSteps().isEmpty)
    let silent = try Wire(context)
    _ = silent.shakeHands()
    #expect(silent.server.takeSteps().isEmpty)
  }

  @Test func versionsOutOfBoundsAreRefusedByBothSides() throws {
    var settings = try Self.settings()
    settings.versions = TLSVersions(lowest: 0x0303, excluded: [0x0304])
    let context = try TLSContext(server: settings)
    let wire = try Wire(context, client: .unverifiedClient(versions: .init(lowest: 0x0304)))
    let result = wire.shakeHands()
    guard case .failed(let failure) = result.server else {
      Issue.record("\(result)")
      return
    }
    #expect(failure.description.contains("unsupported protocol"))
    let other = try Wire(context)
    _ = other.shakeHands()
    #expect(other.server.facts.protocolName == "TLSv1.2")
  }

  @Test(arguments: [0x0303, 0x0304] as [UInt16])
  func aTicketIsGoodInEveryProcessWithTheSecret(version: UInt16) throws {
    var settings = try Self.settings()
    settings.ticketSecret = Self.secret
    let client = try TLSContext.unverifiedClient(versions: .init(highest: version))
    let first = try Wire(TLSContext(server: settings), client: client)
    _ = first.shakeHands()
    let resumption = try #require(try first.takeResumption())
    let second = try Wire(TLSContext(server: settings), client: client, resuming: resumption)
    #expect(second.shakeHands().server == .done(0))
    #expect(second.server.facts.isResumed)
    if version == 0x0304 { #expect(second.server.facts.serverDigest == nil) }
  }

  @Test func aTicketIsNothingToAnotherServiceOrSecret() throws {
    var settings = try Self.settings()
    settings.ticketSecret = Self.secret
    let client = try TLSContext.unverifiedClient()
    let first = try Wire(TLSContext(server: settings), client: client)
    _ = first.shakeHands()
    let resumption = try #require(try first.takeResumption())
    var others = [settings, settings]
    others[0].name = "submission"
    others[1].ticketSecret = TicketSecret(bytes: [UInt8](repeating: 8, count: 32), madeAt: 0)
    for other in others {
      let second = try Wire(TLSContext(server: other), client: client, resuming: resumption)
      #expect(second.shakeHands().server == .done(0))
      #expect(!second.server.facts.isResumed)
    }
  }

  @Test func aTicketOfTwoIntervalsAgoIsNotAccepted() throws {
    var settings = try Self.settings()
    settings.ticketSecret = TicketSecret(bytes: Self.secret.bytes, madeAt: 1_700_000_000)
    let clock = HandClock(1_700_000_000)
    let context = try TLSContext(server: settings) { clock.now }
    let client = try TLSContext.unverifiedClient()
    let first = try Wire(context, client: client)
    _ = first.shakeHands()
    let resumption = try #require(try first.takeResumption())
    for (hours, isResumed) in [(1, true), (2, false)] as [(Int64, Bool)] {
      clock.set(1_700_000_000 + hours * 3600)
      let wire = try Wire(context, client: client, resuming: resumption)
      #expect(wire.shakeHands().server == .done(0))
      #expect(wire.server.facts.isResumed == isResumed)
    }
  }

  @Test func noSecretMeansNoTickets() throws {
    let wire = try Wire(TLSContext(server: Self.settings()))
    _ = wire.shakeHands()
    #expect(try wire.takeResumption() == nil)
  }

  @Test func theCertificateOfTheNameIsShown() throws {
    var settings = try Self.settings(algorithms: [.rsa])
    let other = try TestCertificates.make(.ecdsa, name: "other.test")
    settings.nameLookup = { name in
      guard name == "other.test" else { return nil }
      let file = PEMFile(name: "other", bytes: other.key + other.certificate)
      return ("other.test", [.sequence([file])])
    }
    let context = try TLSContext(server: settings)
    for (name, algorithm) in [
      ("other.test", "ECDSA"), ("else.test", "RSA"), (nil, "RSA"), ("other.test", "ECDSA"),
    ] {
      let wire = try Wire(context, name: name)
      #expect(wire.shakeHands().server == .done(0))
      #expect(wire.server.facts.serverSignature?.hasPrefix(algorithm) == true)
      #expect(wire.server.facts.serverName == (algorithm == "ECDSA" ? "other.test" : nil))
      #expect(wire.server.facts.unknownName == (name == "else.test" ? name : nil))
    }
  }

  @Test func aNameWithoutUsableCertificatesIsRefused() throws {
    var settings = try Self.settings()
    settings.nameLookup = { ($0, [.sequence([PEMFile(name: "broken", bytes: [])])]) }
    let wire = try Wire(TLSContext(server: settings), name: "other.test")
    guard case .failed = wire.shakeHands().server else {
      Issue.record("accepted")
      return
    }
  }

  @Test func aGoodbyeIsHeard() throws {
    let wire = try Wire(TLSContext(server: Self.settings()))
    _ = wire.shakeHands()
    wire.server.sayGoodbye()
    var byte: [UInt8] = [0]
    #expect(byte.withUnsafeMutableBytes { wire.client.read(into: $0) } == .closed)
  }
}
