import SASL
import Testing

/// The client's side of PLAIN, LOGIN and CRAM-MD5.
struct SASLClientTests {
  private static let all = ["CRAM-MD5", "LOGIN", "PLAIN"]

  private func client(
    _ offered: [String], _ options: [String] = [], login: String = "tim:tanstaaftanstaaf"
  ) throws -> SASLClient {
    try SASLClient(
      try #require(SASLLogin(Array(login.utf8))), offered: offered,
      options: try #require(SASLSecurityOptions(options)), code: { $0.count == 16 ? $1 : nil })
  }

  private func letters(_ text: String) -> [UInt8] { Base64.encoded(Array(text.utf8)) }

  @Test func theBestThatIsAllowedIsChosen() throws {
    #expect(try client(Self.all).mechanism.name == "CRAM-MD5")
    #expect(try client(["LOGIN", "PLAIN", "X"]).mechanism.name == "PLAIN")
    #expect(try client(Self.all, ["noplaintext", "noanonymous"]).mechanism.name == "CRAM-MD5")
    for (offered, options) in [
      ([], []), (["X"], []), (["LOGIN", "PLAIN"], ["noplaintext"]), (Self.all, ["noactive"]),
      (Self.all, ["nodictionary"]), (Self.all, ["mutual_auth"]), (Self.all, ["forward_secrecy"]),
    ] {
      #expect(throws: SASLClient.Failure.self) { try client(offered, options) }
    }
  }

  @Test func plainSaysAllAtOnce() throws {
    var client = try client(["PLAIN"])
    #expect(client.initialResponse() == letters("\0tim\0tanstaaftanstaaf"))
    #expect(throws: SASLClient.Failure.self) { try client.response(to: []) }
  }

  @Test func loginAnswersTwoQuestionsWhateverTheyAre() throws {
    var client = try client(["LOGIN"])
    #expect(client.initialResponse() == nil)
    #expect(try client.response(to: letters("Username:")) == letters("tim"))
    #expect(try client.response(to: []) == letters("tanstaaftanstaaf"))
    #expect(throws: SASLClient.Failure.self) { try client.response(to: letters("More:")) }
  }

  @Test func cramSendsTheCodeInHexadecimal() throws {
    var client = try client(["CRAM-MD5"])
    #expect(client.initialResponse() == nil)
    #expect(try client.response(to: letters("<\u{7f}>")) == letters("tim 3c7f3e"))
    #expect(throws: SASLClient.Failure.self) { try client.response(to: letters("again")) }
    var empty = try self.client(["CRAM-MD5"])
    #expect(throws: SASLClient.Failure.self) { try empty.response(to: []) }
    var broken = try self.client(["CRAM-MD5"])
    #expect(throws: SASLClient.Failure.self) { try broken.response(to: Array("!".utf8)) }
    var without = try self.client(["CRAM-MD5"], login: "tim:short")
    #expect(throws: SASLClient.Failure.self) { try without.response(to: letters("x")) }
  }

  @Test func aLoginIsAUserAndWhatFollowsTheFirstColon() throws {
    let login = try #require(SASLLogin(Array("a@b:c:d".utf8)))
    #expect(login.user == Array("a@b".utf8) && login.password == Array("c:d".utf8))
    #expect(try #require(SASLLogin(Array("a".utf8))).password.isEmpty)
    for text in ["", ":x", "a\0:x", String(repeating: "a", count: SASLLogin.sizeMax + 1)] {
      #expect(SASLLogin(Array(text.utf8)) == nil)
    }
  }

  @Test func aLoginDoesNotPrintItself() throws {
    let login = try #require(SASLLogin(Array("alice:opensesame".utf8)))
    var dumped = ""
    dump(login, to: &dumped)
    for text in ["\(login)", String(reflecting: login), dumped] {
      #expect(!text.contains("open") && !text.contains("111"))
    }
  }
}
