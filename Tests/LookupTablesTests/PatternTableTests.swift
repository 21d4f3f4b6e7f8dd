import Primitives
import Testing

@testable import LookupTables

@Suite struct PatternTableTests {
  private static let files: [String: String] = [
    "/cidr": """
    # comment
    192.0.2.0/28 inner
    192.0.2.0/24 outer
    if 10.0.0.0/8
    !10.1.0.0/16 ten, not ten-one
    10.1.2.3 host
    endif
    2001:db8::/32 six
    [2001:db9::]/32 six in brackets
    """,
    "/regexp": """
    /^(.*)@here\\.test$/ REJECT no $1 here ${1}x $(1)y $$
    if !/plain/
    /^X/i capital X
    |a/b| other delimiter
    /path\\/to/ slash
    endif
    /dot.dot/ dotted
    """,
    "/pcre": "/^(?<user>\\w+)(@.*)?$/ user $1 at $2\n",
  ]

  static let opener = TableOpener { path in files[path].map { Array($0.utf8) } }

  private func find(_ table: String, _ key: String) async throws -> String? {
    let opened = try Self.opener.open(table)
    #expect(opened.hasPatterns)
    return try await opened.find(Array(key.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test(arguments: [
    ("192.0.2.1", "inner"), ("192.0.2.77", "outer"), ("192.0.3.1", nil), ("unknown", nil),
    ("10.2.0.1", "ten, not ten-one"), ("10.1.2.3", "host"), ("10.1.2.4", nil),
    ("2001:db8::1", "six"), ("2001:db9::1", "six in brackets"), ("::ffff:192.0.2.1", "inner"),
  ])
  func networksAreJudgedInOrder(_ row: (String, String?)) async throws {
    #expect(try await find("cidr:/cidr", row.0) == row.1, "\(row.0)")
  }

  /// The first row was played to a running Postfix.
  @Test(arguments: [
    ("foo@HERE.test", "REJECT no foo here foox fooy $"), ("Xy", "capital X"), ("xy", nil),
    ("a/b", "other delimiter"), ("a path/to go", "slash"), ("X plain", nil), ("dot\ndot", "dotted"),
  ])
  func expressionsAreJudgedInOrder(_ row: (String, String?)) async throws {
    #expect(try await find("regexp:/regexp", row.0) == row.1, "\(row.0)")
  }

  @Test func groupsThatTookNoPartAreEmpty() async throws {
    #expect(try await find("pcre:/pcre", "joe@x") == "user joe at @x")
    #expect(try await find("pcre:/pcre", "joe") == "user joe at ")
  }

  @Test func rulesMayStandInTheConfiguration() async throws {
    #expect(try await find("cidr:{{10.0.0.0/8 ten}, {::/0 six}}", "::1") == "six")
    #expect(try await find("regexp:{ {/a/ one}, {!/b/ two} }", "c") == "two")
  }

  @Test(arguments: [
    "cidr:{{10.0.0.1/8 x}}", "cidr:{{10.0.0.0/8}}", "cidr:{{ten x}}", "cidr:{{endif}}",
    "cidr:{{if 10.0.0.0/8}}", "cidr:{{10.0.0.0/8 x}", "cidr:{10.0.0.0/8}", "regexp:{{/a x}}",
    "regexp:{{a x}}", "regexp:{{/(/ x}}", "regexp:{{/a/ $1}}", "regexp:{{!/(a)/ $1}}",
    "regexp:{{/a/ $x}}", "regexp:{{/(a)/ ${1}}", "regexp:{{/a/}}", "regexp:{{/a/q x}}",
    "regexp:{{if /a/ b}, {endif}}",
  ])
  func whatCannotBeReadIsRefusedWithItsLine(_ table: String) {
    #expect {
      try Self.opener.open(table)
    } throws: { error in
      guard case LookupError.malformed(table, _) = error else { return false }
      return true
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func aPatternThatGoesBackForEverFails() async throws {
    let table = try Self.opener.open("pcre:{{/^(a+)+$/ x}}")
    let key = Array(String(repeating: "a", count: 200).utf8) + [UInt8(ascii: "!")]
    await #expect(throws: LookupError.self) { try await table.find(key) }
  }

  @Test func tablesCanBeChainedAndJoined() async throws {
    let piped = try Self.opener.open("pipemap:{inline:{a=b}, inline:{b=c}}")
    #expect(try await piped.find(Array("a".utf8)) == Array("c".utf8))
    #expect(try await piped.find(Array("b".utf8)) == nil)
    let joined = try Self.opener.open("unionmap:{inline:{a=1}, inline:{a=2, b=3}}")
    #expect(try await joined.find(Array("a".utf8)) == Array("1,2".utf8))
    #expect(try await joined.find(Array("b".utf8)) == Array("3".utf8))
    #expect(try await joined.find(Array("c".utf8)) == nil)
  }
}

@Suite struct SourceTableTests {
  private static func opener() -> TableOpener {
    let files = [
      "/virtual": "key value one\nKEY2\tvalue\n",
      "/aliases": "root: joe\n  jane\n\"a b\" : c\n: nobody\nbare\nroot: again\n",
    ]
    var opener = TableOpener { path in files[path].map { Array($0.utf8) } }
    opener.aliasTables = ["hash:/aliases"]
    return opener
  }

  @Test(arguments: TableOpener.indexedTypes)
  func indexedTypesReadTheirSource(_ type: String) async throws {
    let table = try Self.opener().open("proxy:\(type):/virtual")
    #expect(try await table.find(Array("key".utf8)) == Array("value one".utf8))
    #expect(try await table.find(Array("Key2".utf8)) == Array("value".utf8))
    #expect(throws: LookupError.unreadable(path: "/none")) {
      try Self.opener().open("\(type):/none")
    }
  }

  @Test func aliasesHaveAFormOfTheirOwn() async throws {
    let opened = try Self.opener().open("hash:/aliases")
    let table = try #require(opened as? DictionaryTable)
    #expect(try table.findNow(Array("Root".utf8)) == Array("joe  jane".utf8))
    #expect(try table.findNow(Array("a b".utf8)) == Array("c".utf8))
    #expect(table.count == 2)
    #expect(
      table.warnings == [
        "line 4: expected a name, a colon and a value",
        "line 5: expected a name, a colon and a value", "line 6: \"root\" has an entry already",
      ])
  }
}
