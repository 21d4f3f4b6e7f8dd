import Testing

@testable import LookupTables

/// Files and tables that tests name.
enum Sample {
  static let texthash = """
    Foo  bar baz \n  more
    # c
    foo second
    novalue
    "quo ted" val
    key: v
    x$y a=b
    "a\\"b" c
    """

  static let files: [String: String] = [
    "/t": texthash, "/nets": "10.0.0.0/8 # not a comment\n!192.0.2.0/24,\n  [fd00::]/16\n",
    "/domains": "a.example\n# comment\n!b.example /more", "/more": "c.example\n",
    "/loop": "/loop",
  ]

  static let opener = TableOpener { path in files[path].map { Array($0.utf8) } }
}

/// A table that has to be waited for.
struct SlowTable: LookupTable {
  let name = "slow:table"
  let keys: Set<String>

  func find(_ key: [UInt8]) async throws(LookupError) -> [UInt8]? {
    await Task.yield()
    return keys.contains(String(decoding: key, as: UTF8.self)) ? Array("found".utf8) : nil
  }
}

@Suite struct TableTests {
  /// Tables, keys and what Postfix's postmap answers.
  @Test(arguments: [
    ("texthash:/t", "foo", "bar baz   more"), ("texthash:/t", "FOO", "bar baz   more"),
    ("texthash:/t", "novalue", nil), ("texthash:/t", "quo ted", "val"), ("texthash:/t", "key", nil),
    ("texthash:/t", "key:", "v"), ("texthash:/t", "x$y", "a=b"), ("texthash:/t", "a\"b", "c"),
    ("inline:{ a=b, { c = d e } }", "c", "d e"), ("inline:{ {A = x}, b=y}", "a", "x"),
    ("inline:{ {A = x}, b=y}", "B", "y"), ("inline:{a=b,a=c}", "a", "c"),
    ("inline:{a=b c=d}", "c", "d"), ("inline:{ {c = {d e} f} }", "c", "{d e} f"),
    ("inline:{a=b}", "c", nil), ("static:xyz", "a", "xyz"), ("static:{ x y }", "a", "x y"),
    ("proxy:static:x", "a", "x"),
  ])
  func answersAsPostfixDoes(table: String, key: String, value: String?) async throws {
    let found = try await Sample.opener.open(table).find(Array(key.utf8))
    #expect(found.map { String(decoding: $0, as: UTF8.self) } == value)
  }

  @Test func linesThatCannotBeUsedAreReported() throws {
    let table = try #require(try Sample.opener.open("texthash:/t") as? DictionaryTable)
    #expect(
      table.warnings == [
        "line 4: \"foo\" has an entry already", "line 5: expected a key, white space and a value",
      ])
    #expect(table.count == 5)
  }

  @Test(arguments: [
    "inline:{ a=b, c = d }", "inline:a=b", "inline:{a}", "inline:{}", "inline:{ {a}=b }",
    "inline:{a=}", "inline:{=b}", "inline:{ {c = d e}z }", "inline:{a=b", "static:", "static:{x y",
    "nocolon", "inline:",
  ])
  func refusesWhatPostfixRefuses(table: String) {
    do throws(LookupError) {
      _ = try Sample.opener.open(table)
      Issue.record("opened")
    } catch {
      guard case .malformed = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  /// The value of `smtp_sasl_password_maps` may hold passwords, and errors reach the log.
  @Test(arguments: [
    "inline:{a=b, geheim}", "inline:{ {a=geheim}z }", "inline:{a=geheim", "inlin:{a=geheim}",
    "pipemap:{hash:/t, inline:{geheim}}", "static:{ geheim",
  ])
  func anErrorShowsNothingOfWhatATableInTheConfigurationHolds(table: String) {
    do throws(LookupError) {
      _ = try Sample.opener.open(table)
      Issue.record("opened")
    } catch {
      let text = error.description
      #expect(text.contains(":{…}: ") && !text.contains("geheim"), "\(text)")
    }
  }

  @Test func anUnknownTypeNamesTheKnownOnes() {
    #expect(
      throws: LookupError.unknownType(
        table: "ldap:/x",
        known: [
          "btree", "cdb", "cidr", "dbm", "fail", "hash", "inline", "lmdb", "pcre", "pipemap",
          "proxy", "regexp", "sdbm", "static", "texthash", "unionmap",
        ])
    ) { try Sample.opener.open("ldap:/x") }
    #expect(throws: LookupError.unreadable(path: "/none")) {
      try Sample.opener.open("texthash:/none")
    }
  }

  @Test func typesCanBeAdded() async throws {
    var opener = Sample.opener
    opener.add(type: "slow") { _, key in SlowTable(keys: [key]) }
    #expect(try await opener.open("slow:x").find(Array("x".utf8)) != nil)
  }
}

@Suite struct TableSetTests {
  @Test func theFirstAnswerCounts() async throws {
    let set = try TableSet(["inline:{a=1}", "inline:{a=2 b=3}"], opener: Sample.opener)
    #expect(try await set.find([97])?.value == [49])
    #expect(try await set.find([98])?.table.name == "inline:{a=2 b=3}")
    #expect(try await set.find([99]) == nil)
    #expect(set.isSynchronous && !set.isEmpty)
    #expect(try set.findNow([98]) == [51])
    #expect(try set.findNow([99]) == nil)
  }

  @Test func aFailureEndsTheSearchUnlessAnAnswerCameBefore() async throws {
    let set = try TableSet(["inline:{a=1}", "fail:x", "inline:{b=2}"], opener: Sample.opener)
    #expect(try await set.find([97])?.value == [49])
    await #expect(throws: LookupError.failed(table: "fail:x", reason: "it always fails")) {
      try await set.find([98])
    }
    #expect(throws: LookupError.self) { try set.findNow([98]) }
  }

  @Test func aSlowTableMakesTheSetAsynchronous() async throws {
    let set = TableSet([try Sample.opener.open("inline:{a=1}"), SlowTable(keys: ["z"])])
    #expect(!set.isSynchronous)
    #expect(try await set.find([122])?.value == Array("found".utf8))
  }
}
