import MailTypes
import Primitives
import Testing

struct NextHopTests {
  @Test func readsEveryForm() throws {
    let v4 = try #require(IPAddress("192.0.2.1"))
    let v6 = try #require(IPAddress("2001:db8::1"))
    #expect(NextHop("Example.com") == NextHop(.domain("example.com"), port: 25))
    #expect(NextHop("example.com:2025") == NextHop(.domain("example.com"), port: 2025))
    #expect(NextHop("example.com:submission") == NextHop(.domain("example.com"), port: 587))
    #expect(NextHop("[mx.example.com]") == NextHop(.host("mx.example.com"), port: 25))
    #expect(NextHop("[mx.example.com]:smtp") == NextHop(.host("mx.example.com"), port: 25))
    #expect(NextHop("[192.0.2.1]:2526") == NextHop(.address(v4), port: 2526))
    #expect(NextHop("[2001:db8::1]") == NextHop(.address(v6), port: 25))
    #expect(NextHop("[IPv6:2001:db8::1]:26") == NextHop(.address(v6), port: 26))
    #expect(NextHop("inet:example.com:24") == NextHop(.domain("example.com"), port: 24))
    #expect(NextHop("unix:private/dovecot") == NextHop(.unix(path: "private/dovecot"), port: 0))
    #expect(NextHop("example.com", defaultPort: 24) == NextHop(.domain("example.com"), port: 24))
  }

  @Test(arguments: [
    "", ":25", "[", "[]", "[192.0.2.1", "[a]b", "a:", "a:0", "a:65536", "a:nosuch", "192.0.2.1",
    "unix:", "a..b", "[a b]", "2001:db8::1", "a:+25",
  ])
  func refusesWhatIsNone(text: String) {
    #expect(NextHop(text) == nil)
  }

  @Test func anAddressNeedsNoBracketsWhereOnlyHostsAreNamed() throws {
    let v4 = try #require(IPAddress("192.0.2.1"))
    #expect(
      NextHop.list("inet:192.0.2.1:24, 192.0.2.1, a.test", defaultPort: 24, namesHosts: true)
        == [
          NextHop(.address(v4), port: 24), NextHop(.address(v4), port: 24),
          NextHop(.domain("a.test"), port: 24),
        ])
  }

  @Test func listsAreTriedInOrder() {
    #expect(
      NextHop.list("b.test, [a.test]:26")
        == [NextHop(.domain("b.test"), port: 25), NextHop(.host("a.test"), port: 26)])
    #expect(NextHop.list(" ") == nil)
    #expect(NextHop.list("a.test, [") == nil)
  }

  @Test func printsWhatItReads() {
    for text in ["a.test:25", "[a.test]:26", "[192.0.2.1]:25", "[2001:db8::1]:25", "unix:/a"] {
      #expect(NextHop(text)?.description == text)
    }
  }
}
