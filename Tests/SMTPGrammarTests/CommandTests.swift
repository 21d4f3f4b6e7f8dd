import MailTypes
import TestSupport
import Testing

@testable import SMTPGrammar

@Suite struct CommandTests {
  private func cut(_ line: String) -> (SMTPVerb, String) {
    let bytes = Array(line.utf8)
    let command = bytes.withUnsafeBytes { SMTPCommand($0) }
    return (command.verb, text(bytes[command.argument]))
  }

  @Test func verbsFoldCaseAndSkipWhiteSpace() {
    #expect(cut("EHLO host") == (.ehlo, "host"))
    #expect(cut("  mAiL FROM:<a@b>  ") == (.mail, "FROM:<a@b>"))
    #expect(cut("starttls") == (.starttls, ""))
    #expect(cut("starttlsx") == (.unknown, ""))
    #expect(cut("xxxxehlo") == (.unknown, ""))
    #expect(cut("xxxxxxxxxehlo a") == (.unknown, "a"))
    #expect(cut("") == (.unknown, ""))
    #expect(cut("DATA\t") == (.data, ""))
    #expect(cut("\0data") == (.unknown, ""))
  }

  private func arguments(_ line: String) -> [String]? {
    let bytes = Array(line.utf8)
    let parts = bytes.withUnsafeBytes { EnvelopeArgument($0, 0..<bytes.count, keyword: "from:") }
    return parts.map { parts in ([parts.path] + parts.parameters).map { text(bytes[$0]) } }
  }

  @Test func pathAndParametersAreCut() {
    #expect(arguments("FROM:<a@b>") == ["<a@b>"])
    #expect(arguments("from: a@b SIZE=1") == ["a@b", "SIZE=1"])
    #expect(arguments("FROM:<a b@c>  SIZE=1 BODY=7BIT") == ["<a b@c>", "SIZE=1", "BODY=7BIT"])
    #expect(arguments("FROM:<\"a> b\"@c> X") == ["<\"a> b\"@c>", "X"])
    #expect(arguments("FROM:<a@b>SIZE=1") == ["<a@b>SIZE=1"])
    #expect(arguments("FROM:") == nil)
    #expect(arguments("FROM:  ") == nil)
    #expect(arguments("FROM") == nil)
    #expect(arguments("TO:<a@b>") == nil)
    #expect(arguments("FROM:\\") == ["\\"])
  }

  private func path(_ path: String, strict: Bool = false) -> String? {
    let bytes = Array(path.utf8)
    return bytes.withUnsafeBytes { raw in
      (try? PathParser.parse(raw, strict: strict))?.description
    }
  }

  static let paths: [(String, String?)] = [
    ("<>", ""), ("< >", ""), ("<a@b.test>", "a@b.test"), ("a@b.test", "a@b.test"),
    ("< a@b.test >", "a@b.test"), ("<<a@b.test>>", "a@b.test"),
    ("<User Name <a@b.test>>", "a@b.test"), ("<\"x\" <a@b.test>>", "a@b.test"),
    ("<a@b.test", nil), ("<a@b.test>x", nil), ("<a@b.test>SIZE=1", nil),
    ("<a@b.test> <c@d.test>", nil),
    ("<@x,@y:a@b.test>", "a@b.test"), ("<@x:>", nil), ("<@>", nil), ("<@b.test>", nil),
    ("<a@>", nil), ("<a>", "a"), ("<\"a\"@b.test>", "a@b.test"),
    ("<\"a b\"@b.test>", "\"a b\"@b.test"),
    ("<a b@b.test>", nil), ("<a\\ b@b.test>", "\"a b\"@b.test"), ("<\"\"@b.test>", "\"\"@b.test"),
    ("<\"\">", "\"\""), ("<a@b@c.test>", "\"a@b\"@c.test"), ("<\"a@b\"@c.test>", "\"a@b\"@c.test"),
    ("<a:b@c.test>", "\"a:b\"@c.test"), ("<a;b@c.test>", nil), ("<a,b@c.test>", nil),
    ("<a(x)@c.test>", nil), ("<a..b@c.test>", "\"a..b\"@c.test"), ("<.a@c.test>", "\".a\"@c.test"),
    ("<-a@c.test>", nil), ("<a@[127.0.0.1]>", "a@[127.0.0.1]"), ("<a@[127.0.0.300]>", nil),
    ("<a@[IPv6:::1]>", "a@[IPv6:::1]"), ("<a@[::1]>", nil), ("<a@[b.test]>", nil),
    ("<a@[[127.0.0.1]]>", nil), ("<a@1.2.3.4>", nil), ("<a@b..c>", nil), ("<a@b.c.>", "a@b.c"),
    ("<a@b.c..>", nil), ("<a@-b.c>", nil), ("<a@b-.c>", nil), ("<a@b_c.d>", "a@b_c.d"),
    ("<a%b@c>", "a%b@c"), ("<b!a@c>", "b!a@c"), ("<a@#1.2.3.4>", nil), ("<a@b c>", nil),
    ("<\"a\r\nb\"@c>", nil), ("<\"a\"\"b\"@c>", nil), ("<\"a\"b@c>", nil), ("<a\"b\"@c>", nil),
    ("<\"a\".\"b c\"@c>", "\"a.b c\"@c"), ("<\"a@c>", nil), ("<a\\", nil),
    ("<ä@ö.test>", "ä@ö.test"), ("<\"a\\\"b\"@c>", "\"a\\\"b\"@c"), ("<a\u{7f}@c>", nil),
  ]

  @Test(arguments: paths.indices)
  func pathsAreReadLaxlyAndComeOutCanonical(_ index: Int) {
    let (input, expected) = Self.paths[index]
    #expect(path(input) == expected, "\(input)")
  }

  @Test func strictPathsNeedBrackets() {
    #expect(path("a@b.test", strict: true) == nil)
    #expect(path("<User <a@b.test>>", strict: true) == nil)
    #expect(path("<a@b.test>", strict: true) == "a@b.test")
  }

  @Test func labelAndNameLengthsAreBounded() {
    let label = String(repeating: "a", count: 63)
    #expect(path("<x@\(label).b>") != nil)
    #expect(path("<x@\(label)a.b>") == nil)
    #expect(path("<x@\(label).\(label).\(label).\(label)>") != nil)
    #expect(path("<x@\(label).\(label).\(label).\(label).b>") == nil)
  }

  @Test func canonicalPathsAreStableOnRandomInput() {
    var random = SplitMix64(seed: 3)
    let alphabet = Array("ab@<>\"\\.:,[]%! 1-".utf8) + [0xc3, 0xa4, 0]
    for _ in 0..<20_000 {
      let length = Int.random(in: 0..<16, using: &random)
      let input = (0..<length).map { _ in alphabet.randomElement(using: &random)! }
      let address = input.withUnsafeBytes { raw in try? PathParser.parse(raw) }
      guard let address else { continue }
      let again = (Array("<".utf8) + address.bytes + Array(">".utf8)).withUnsafeBytes { raw in
        try? PathParser.parse(raw)
      }
      #expect(again == address, "\(text(input).debugDescription)")
      #expect(!address.bytes.contains { $0 < 32 }, "\(text(input).debugDescription)")
    }
  }

  @Test func repliesAreWrittenWithoutControlCharacters() {
    var out: [UInt8] = []
    SMTPReply(554, EnhancedStatus(5, 7, 1), "<a\r\u{1}b>: no\nmore").append(to: &out)
    #expect(text(out) == "554-5.7.1 <a?b>: no\r\n554 5.7.1 more\r\n")
  }
}
