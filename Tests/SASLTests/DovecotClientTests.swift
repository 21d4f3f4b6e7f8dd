import Primitives
import TestSupport
import Testing

@testable import SASL

@Suite struct DovecotClientTests {
  static let greeting = """
    VERSION\t1\t2
    MECH\tPLAIN\tplaintext
    MECH\tlogin\tplaintext
    MECH\tCRAM-MD5\tdictionary\tactive
    MECH\tANONYMOUS\tanonymous
    MECH\tSECRET\tprivate
    SPID\t746
    CUID\t1
    COOKIE\te9021d45d17e5b36b84ad6efe29aad78
    DONE

    """

  private static let remote = (address: IPAddress("192.0.2.7")!, port: UInt16(4321))

  /// A connection whose greeting is over.
  static func connected() throws -> DovecotClient {
    var client = DovecotClient(processID: 42)
    try feed(&client, greeting)
    #expect(client.nextEvent() == .ready)
    client.output = []
    return client
  }

  static func feed(_ client: inout DovecotClient, _ text: String) throws {
    var client_ = client
    defer { client = client_ }
    try Array(text.utf8).withUnsafeBytes { try client_.receive($0) }
  }

  private func text(_ client: inout DovecotClient) -> String {
    defer { client.output = [] }
    return String(decoding: client.output, as: UTF8.self)
  }

  @Test func theGreetingTellsTheMechanisms() throws {
    var client = DovecotClient(processID: 42)
    #expect(text(&client) == "VERSION\t1\t1\nCPID\t42\n")
    try Self.feed(&client, Self.greeting)
    #expect(client.nextEvent() == .ready)
    #expect(client.nextEvent() == nil)
    #expect(
      client.mechanisms == [
        SASLMechanism("PLAIN", .plaintext), SASLMechanism("LOGIN", .plaintext),
        SASLMechanism("CRAM-MD5", [.dictionary, .active]), SASLMechanism("ANONYMOUS", .anonymous),
        SASLMechanism("SECRET", .hidden),
      ])
  }

  @Test func anExchangeIsSpelledAsDovecotReadsIt() throws {
    var client = try Self.connected()
    var request = SASLRequest(service: "smtp", mechanism: "PLAIN", remote: Self.remote)
    request.local = (IPAddress("2001:db8::1")!, 587)
    request.isSecure = true
    request.initialResponse = Array("AGEAYg==".utf8)
    let first = client.begin(request)
    #expect(
      text(&client)
        == "AUTH\t\(first)\tPLAIN\tservice=smtp\tnologin\tlip=2001:db8::1\tlport=587"
        + "\trip=192.0.2.7\trport=4321\tsecured\tresp=AGEAYg==\n")
    let second = client.begin(
      SASLRequest(service: "a\tb\nc", mechanism: "LOGIN", remote: Self.remote))
    #expect(second != first)
    #expect(
      text(&client)
        == "AUTH\t\(second)\tLOGIN\tservice=a\u{1}tb\u{1}nc\tnologin\trip=192.0.2.7\trport=4321\n")
    client.answer(second, [])
    client.cancel(second)
    client.cancel(second)
    #expect(text(&client) == "CONT\t\(second)\t\nCANCEL\t\(second)\n")
    #expect(client.exchangeCount == 1)
  }

  @Test func aNewConnectionTakesNoNumberOfTheOneBefore() throws {
    let request = SASLRequest(service: "smtp", mechanism: "LOGIN", remote: Self.remote)
    var first = try Self.connected()
    let old = (0..<3).map { _ in first.begin(request) }
    var second = DovecotClient(processID: 42, after: first.lastID)
    try Self.feed(&second, Self.greeting)
    #expect(!old.contains(second.begin(request)))
  }

  @Test func answersComeInAnyOrder() throws {
    var client = try Self.connected()
    let ids = (0..<4).map { _ in
      client.begin(SASLRequest(service: "smtp", mechanism: "PLAIN", remote: Self.remote))
    }
    client.cancel(ids[3])
    try Self.feed(
      &client,
      """
      CONT\t\(ids[1])\tVXNlcm5hbWU6
      OK\t\(ids[3])\tuser=nobody
      FAIL\t\(ids[2])\tuser=bob\tcode=temp_fail\treason=a\u{1}tb
      OK\t\(ids[0])\tresp=x\tuser=alice@example.org
      NEWS\tof a later version
      FAIL\t\(ids[1])

      """)
    #expect(client.nextEvent() == .challenge(ids[1], Array("VXNlcm5hbWU6".utf8)))
    #expect(
      client.nextEvent()
        == .failure(
          ids[2],
          SASLFailure(
            user: Array("bob".utf8), reason: Array("a\tb".utf8), isTemporary: true)))
    #expect(client.nextEvent() == .success(ids[0], user: Array("alice@example.org".utf8)))
    #expect(client.nextEvent() == .failure(ids[1], SASLFailure()))
    #expect(client.nextEvent() == nil)
    #expect(client.exchangeCount == 0)
  }

  @Test(arguments: [
    ("VERSION\t2\t0\n", DovecotError.version), ("VERSION\n", .version), ("DONE\n", .version),
    ("VERSION\t1\t1\nMECH\n", .malformed(command: "MECH")),
    ("VERSION\t1\t1\nMECH\tA B\n", .malformed(command: "MECH")),
    (String(repeating: "x", count: 40_000), .tooLong),
    (String(repeating: "x\n", count: 2_000), .tooLong),
    (greeting + "OK\n", .malformed(command: "OK")),
    (greeting + "FAIL\tx\n", .malformed(command: "FAIL")),
  ])
  func whatCannotBeUnderstoodEndsTheConnection(text: String, error: DovecotError) {
    var client = DovecotClient(processID: 1)
    #expect(throws: error) { try Self.feed(&client, text) }
  }

  @Test func aLoginWithoutAUserIsNone() throws {
    var client = try Self.connected()
    let id = client.begin(SASLRequest(service: "smtp", mechanism: "PLAIN", remote: Self.remote))
    #expect(throws: DovecotError.malformed(command: "OK")) {
      try Self.feed(&client, "OK\t\(id)\tuser=\n")
    }
  }

  @Test func challengesHoldNoLineEnds() throws {
    var client = try Self.connected()
    let id = client.begin(SASLRequest(service: "smtp", mechanism: "PLAIN", remote: Self.remote))
    #expect(throws: DovecotError.malformed(command: "CONT")) {
      try Self.feed(&client, "CONT\t\(id)\tabc\u{1}r\u{1}n250 Ok\n")
    }
  }

  /// The same bytes in any pieces give the same events.
  @Test func piecesDoNotMatter() throws {
    var random = SplitMix64(seed: 3)
    let bytes = Array((Self.greeting + "FAIL\t1\tuser=a\u{1}0\nOK\t2\tuser=b\n").utf8)
    for _ in 0..<300 {
      var client = DovecotClient(processID: 1)
      for piece in Chunks.random(bytes, longest: 9, using: &random) {
        try piece.withUnsafeBytes { try client.receive($0) }
      }
      #expect(client.nextEvent() == .ready)
      #expect(client.mechanisms.count == 5)
    }
  }

  /// Whatever comes is understood or ends the connection, and nothing grows without bound.
  @Test func randomServersDoNoHarm() {
    var random = SplitMix64(seed: 77)
    let pieces = [
      "OK\t", "FAIL\t", "CONT\t", "1", "2", "\t", "\n", "user=", "reason=", "code=temp_fail",
      "temp", "\u{1}", "MECH\tX\n", "VERSION\t1\t1\n", "DONE\n", "abc=", "\0",
    ].map { Array($0.utf8) }
    for _ in 0..<2_000 {
      guard var client = try? Self.connected() else { continue }
      var waiting = Set(
        (0..<3).map { _ in
          client.begin(SASLRequest(service: "smtp", mechanism: "PLAIN", remote: Self.remote))
        })
      var fed = 0
      do {
        for _ in 0..<Int.random(in: 1..<60, using: &random) {
          let piece = pieces.randomElement(using: &random)!
          fed += piece.count
          try piece.withUnsafeBytes { try client.receive($0) }
          while let event = client.nextEvent() {
            switch event {
            case .ready: Issue.record("a second greeting")
            case .challenge(let id, _): #expect(waiting.contains(id))
            case .success(let id, let user):
              #expect(waiting.remove(id) != nil && !user.isEmpty && user.count <= fed)
            case .failure(let id, _): #expect(waiting.remove(id) != nil)
            }
          }
          #expect(client.exchangeCount == waiting.count)
        }
      } catch {
        // The driver closes the connection.
      }
    }
  }
}

@Suite struct SecurityOptionTests {
  private static let plain = SASLMechanism("PLAIN", .plaintext)
  private static let digest = SASLMechanism(
    "DIGEST-MD5", [.dictionary, .active, .mutualAuthentication])
  private static let anonymous = SASLMechanism("ANONYMOUS", .anonymous)

  @Test(arguments: [
    ([], [true, true, true]), (["noanonymous"], [true, true, false]),
    (["NoPlainText", "noanonymous"], [false, true, false]),
    (["nodictionary"], [true, false, true]), (["noactive"], [true, false, true]),
    (["mutual_auth"], [false, true, false]), (["forward_secrecy"], [false, false, false]),
  ])
  func wordsSayWhatIsRefusedAndRequired(words: [String], expected: [Bool]) throws {
    let options = try #require(SASLSecurityOptions(words))
    #expect([Self.plain, Self.digest, Self.anonymous].map { options.allow($0) } == expected)
  }

  @Test func otherWordsAreNone() {
    #expect(SASLSecurityOptions(["noplaintext", "nofoo"]) == nil)
  }
}
