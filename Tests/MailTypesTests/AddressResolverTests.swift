import MailTypes
import Testing

/// Rows checked against the resolver of a Postfix with `mydestination = here.test` and
/// `myhostname = host.test`, `myorigin = here.test`.
struct AddressResolverTests {
  struct Row: Sendable {
    let input: String
    let address: String
    let domain: String
    var local = false
    var routed = false
    var bad = false
  }

  static let rows: [Row] = [
    Row(input: "user@there.test", address: "user@there.test", domain: "there.test"),
    Row(input: "User@There.Test", address: "User@There.Test", domain: "there.test"),
    Row(input: "user@here.test", address: "user@here.test", domain: "here.test", local: true),
    Row(input: "user@here.test.", address: "user@here.test", domain: "here.test", local: true),
    Row(input: "user", address: "user@here.test", domain: "here.test", local: true),
    Row(input: "", address: "MAILER-DAEMON@host.test", domain: "host.test"),
    Row(
      input: "\"\"@here.test", address: "MAILER-DAEMON@here.test", domain: "here.test",
      local: true),
    Row(input: "user%there.test@here.test", address: "user@there.test", domain: "there.test"),
    Row(
      input: "user%a.test%b.test@here.test", address: "user%a.test@b.test", domain: "b.test",
      routed: true),
    Row(input: "user%there.test", address: "user@there.test", domain: "there.test"),
    Row(input: "there.test!user@here.test", address: "user@there.test", domain: "there.test"),
    Row(
      input: "a.test!b.test!user@here.test", address: "b.test!user@a.test", domain: "a.test",
      routed: true),
    Row(input: "there.test!user", address: "user@there.test", domain: "there.test"),
    Row(
      input: "user%x.test@there.test", address: "user%x.test@there.test",
      domain: "there.test", routed: true),
    Row(
      input: "x.test!user@there.test", address: "x.test!user@there.test",
      domain: "there.test", routed: true),
    Row(
      input: "\"user@there.test\"@here.test", address: "user@there.test",
      domain: "there.test"),
    Row(
      input: "\"user@x.test\"@there.test", address: "\"user@x.test\"@there.test",
      domain: "there.test", routed: true),
    Row(
      input: "user@x.test@there.test", address: "\"user@x.test\"@there.test",
      domain: "there.test", routed: true),
    Row(input: "user@there.test@here.test", address: "user@there.test", domain: "there.test"),
    Row(
      input: "\"x y%there.test\"@here.test", address: "\"x y\"@there.test",
      domain: "there.test"),
    Row(
      input: "\"a b\"@here.test", address: "\"a b\"@here.test", domain: "here.test",
      local: true),
    Row(
      input: "@a.test,@b.test:user@there.test", address: "user@there.test",
      domain: "there.test"),
    Row(
      input: "@a.test:user%there.test@here.test", address: "user@there.test",
      domain: "there.test"),
    Row(
      input: "user@here.test@here.test", address: "user@here.test", domain: "here.test",
      local: true),
    Row(
      input: "user%here.test@here.test", address: "user@here.test", domain: "here.test",
      local: true),
    Row(
      input: "user@[127.0.0.1]", address: "user@[127.0.0.1]", domain: "[127.0.0.1]",
      local: true),
    Row(input: "user@[192.0.2.7]", address: "user@[192.0.2.7]", domain: "[192.0.2.7]"),
    Row(input: "user%there.test@[127.0.0.1]", address: "user@there.test", domain: "there.test"),
    Row(
      input: "user@[IPv6:2001:db8::1]", address: "user@[IPv6:2001:db8::1]",
      domain: "[ipv6:2001:db8::1]"),
    Row(
      input: "user@[not.an.address]", address: "user@[not.an.address]",
      domain: "[not.an.address]", bad: true),
    Row(input: "user@192.0.2.7", address: "user@192.0.2.7", domain: "192.0.2.7", bad: true),
    Row(input: "user@", address: "user@", domain: "", bad: true),
    Row(input: "user@.", address: "user@.", domain: ".", bad: true),
    Row(input: "user@-x.test", address: "user@-x.test", domain: "-x.test", bad: true),
    Row(input: "user@a..b", address: "user@a..b", domain: "a..b", bad: true),
  ]

  @Test(arguments: rows)
  func resolvesAsPostfixDoes(row: Row) {
    let resolver = AddressResolver(myhostname: "host.test", myorigin: "here.test")
    let result = resolver.resolve(MailAddress(row.input)) {
      $0 == "here.test" || $0 == "[127.0.0.1]"
    }
    #expect(result.address.description == row.address)
    #expect(result.domain == row.domain)
    #expect(result.isLocal == row.local)
    #expect(result.isRouted == row.routed)
    #expect(result.isMalformed == row.bad)
  }

  /// What a Postfix with `append_dot_mydomain = yes` and `mydomain = home.test` queued.
  @Test(arguments: [
    ("user", "user@here.test"), ("user@host", "user@host.home.test"),
    ("user@localhost", "user@localhost.home.test"), ("user@HOST", "user@HOST.home.test"),
    ("user@host.", "user@host"), ("site!user", "user@site.home.test"),
    ("user%site", "user@site.home.test"), ("user@a.test", "user@a.test"), ("", ""),
    ("user@[127.0.0.1]", "user@[127.0.0.1]"), ("\"a b\"@host", "\"a b\"@host.home.test"),
    ("a%b@host", "a%b@host.home.test"), ("\"a@b\"", "\"a@b\"@here.test"),
    ("@a,@b:u@c.test", "u@c.test"),
  ])
  func addressesAreCompleted(given: String, complete: String) {
    var resolver = AddressResolver(myhostname: "host.test", myorigin: "here.test")
    resolver.mydomain = "home.test"
    let result = resolver.completed(MailAddress(given))
    #expect(result.description == complete)
    #expect(resolver.completed(result) == result || given.hasSuffix("."))
    if given != "" {
      #expect(resolver.resolve(MailAddress(given)) { _ in false }.address.description == complete)
    }
  }

  @Test func nothingIsAppendedWhereTheConfigurationSaysSo() {
    let resolver = AddressResolver(myhostname: "host.test", myorigin: "")
    for text in ["user", "user@host", "\"a@b\""] {
      #expect(resolver.completed(MailAddress(text)).description == text)
    }
  }

  @Test func operatorsThatAreSwitchedOffStayInTheLocalPart() {
    var resolver = AddressResolver(myhostname: "here.test")
    resolver.allowPercentHack = false
    resolver.swapBangPath = false
    for text in ["a%there.test@here.test", "there.test!a@here.test"] {
      let result = resolver.resolve(MailAddress(text)) { $0 == "here.test" }
      #expect(result.address.description == text)
      #expect(result.isLocal)
      #expect(result.isRouted)
    }
  }

  @Test func quotedRouteStaysWhenDequotingIsOff() {
    var resolver = AddressResolver(myhostname: "here.test")
    resolver.resolveDequotedAddress = false
    let result = resolver.resolve(MailAddress("\"a@there.test\"@here.test")) { $0 == "here.test" }
    #expect(result.isLocal)
    #expect(result.address.description == "\"a@there.test\"@here.test")
  }

  @Test func nullDomainAndNumericDomainFollowTheirSettings() {
    var resolver = AddressResolver(myhostname: "here.test")
    resolver.resolveNullDomain = true
    resolver.resolveNumericDomain = true
    let null = resolver.resolve(MailAddress("user@")) { $0 == "here.test" }
    #expect(null.address.description == "user@here.test")
    #expect(null.isLocal)
    let numeric = resolver.resolve(MailAddress("user@192.0.2.7")) { $0 == "here.test" }
    #expect(numeric.address.description == "user@[192.0.2.7]")
    #expect(!numeric.isMalformed)
  }

  @Test func everyInputEndsAndAResolvedAddressResolvesToItself() {
    var state: UInt64 = 42
    let alphabet = Array("ab@@%%!!\"\\.:,[] \u{e9}".utf8) + Array("here.test".utf8)
    let resolver = AddressResolver(myhostname: "here.test")
    for _ in 0..<50_000 {
      var bytes: [UInt8] = []
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      for _ in 0..<Int(state >> 33 & 31) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes.append(alphabet[Int(state >> 33) % alphabet.count])
      }
      let first = resolver.resolve(MailAddress(bytes)) { $0 == "here.test" || $0 == "a" }
      if first.isMalformed { continue }
      let again = resolver.resolve(first.address) { $0 == "here.test" || $0 == "a" }
      #expect(again.domain == first.domain, "\(MailAddress(bytes))")
      #expect(again.isRouted == first.isRouted)
    }
  }

  @Test(arguments: [
    String(repeating: "%", count: 1900) + "@here.test",
    "\"" + String(repeating: "%", count: 1900) + "\"@here.test",
    String(repeating: "!", count: 1900) + "x@here.test",
    "\"" + String(repeating: "@", count: 1900) + "\"@here.test",
    "a" + String(repeating: "%here.test", count: 100) + "@here.test",
  ])
  func anAddressOfEndlessRoutesIsNone(_ text: String) {
    var questions = 0
    let resolved = AddressResolver(myhostname: "host.test", myorigin: "here.test").resolve(
      MailAddress(Array(text.utf8))
    ) { domain in
      questions += 1
      return domain == "here.test"
    }
    #expect(resolved.isMalformed && !resolved.isLocal)
    #expect(questions <= 40)
  }
}
