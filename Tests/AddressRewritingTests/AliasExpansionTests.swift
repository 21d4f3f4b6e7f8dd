import AddressRewriting
import LookupTables
import MailTypes
import Testing

/// The tables were read by a Postfix too; the rows are what it queued.
struct AliasExpansionTests {
  static let table = """
    one@alias.test  target@other.test
    two@alias.test  a@other.test, b@other.test
    bare@alias.test  user
    multi@alias.test  user1, user2@host, "quoted one"@x.test, Phrase Here <p@y.test>
    self@alias.test self@alias.test, copy@other.test
    loop1@alias.test loop2@alias.test
    loop2@alias.test loop1@alias.test
    @catch.test  catchall@other.test
    @wild.test  @wild2.test
    @wild2.test  @final.test
    localuser    lu@other.test
    localuser+tag lut@other.test
    plus+ext@alias.test pe@other.test
    empty@alias.test ,
    null@alias.test <>
    inc@alias.test :include:/tmp/x
    chain1@alias.test chain2@alias.test
    chain2@alias.test chain3@alias.test, side@other.test
    chain3@alias.test end@other.test
    bang@alias.test site!user
    pct@alias.test user%site
    dot@alias.test user@host.
    nodom@alias.test user@localhost
    "quoted x"@alias.test q@other.test

    """

  static func expansion(
    _ tables: [String] = ["texthash:/virtual", "regexp:/patterns"], keepsExtension: Bool = true,
    limits: AliasExpansion.Limits = AliasExpansion.Limits()
  ) throws -> AliasExpansion {
    let files = [
      "/virtual": table, "/patterns": "/^re-(.*)@alias.test$/ $1@re.test\n/^@partial/ no@no.test\n",
    ]
    let opener = TableOpener { path in files[path].map { Array($0.utf8) } }
    var resolver = AddressResolver(myhostname: "mail.home.test", myorigin: "origin.test")
    resolver.mydomain = "home.test"
    let search = AddressSearch(try TableSet(tables, opener: opener), delimiters: "+") { domain in
      ["origin.test", "home.test", "[127.0.0.1]"].contains(domain)
    }
    return AliasExpansion(
      "virtual_alias_maps", search, resolver: resolver, keepsExtension: keepsExtension,
      limits: limits)
  }

  @Test(arguments: [
    ("one@alias.test", ["target@other.test"]), ("one+ext@alias.test", ["target+ext@other.test"]),
    ("two+e@alias.test", ["a+e@other.test", "b+e@other.test"]),
    ("bare+x@alias.test", ["user+x@origin.test"]),
    (
      "multi@alias.test",
      ["user1@origin.test", "user2@host.home.test", "\"quoted one\"@x.test", "p@y.test"]
    ),
    ("self@alias.test", ["self@alias.test", "copy@other.test"]),
    ("self+e@alias.test", ["self+e@alias.test", "copy+e@other.test"]),
    ("unknown@alias.test", ["unknown@alias.test"]), ("x@catch.test", ["catchall@other.test"]),
    ("x+e@catch.test", ["catchall@other.test"]), ("x@wild.test", ["x@final.test"]),
    ("x+e@wild.test", ["x+e@final.test"]), ("localuser@origin.test", ["lu@other.test"]),
    ("localuser+tag@home.test", ["lut@other.test"]),
    ("LocalUser+Tag@Home.Test", ["lut@other.test"]),
    ("localuser+other@origin.test", ["lu+other@other.test"]),
    ("localuser@other.test", ["localuser@other.test"]),
    ("localuser@[127.0.0.1]", ["lu@other.test"]), ("plus+ext@alias.test", ["pe@other.test"]),
    ("plus@alias.test", ["plus@alias.test"]), ("null@alias.test", [""]),
    ("inc@alias.test", ["\":include:/tmp/x\"@origin.test"]),
    ("chain1@alias.test", ["end@other.test", "side@other.test"]),
    ("chain1+x@alias.test", ["end+x@other.test", "side+x@other.test"]),
    ("bang@alias.test", ["user@site.home.test"]), ("pct@alias.test", ["user@site.home.test"]),
    ("dot@alias.test", ["user@host"]), ("nodom@alias.test", ["user@localhost.home.test"]),
    ("\"quoted x\"@alias.test", ["q@other.test"]), ("re-foo@alias.test", ["foo@re.test"]),
    ("re-foo+bar@alias.test", ["foo+bar@re.test"]), ("x@partial.test", ["x@partial.test"]),
    ("ONE@ALIAS.TEST", ["target@other.test"]), ("", [""]),
  ])
  func recipientsAreWhoPostfixSays(address: String, results: [String]) async throws {
    let found = try await Self.expansion().expand(MailAddress(address))
    #expect(found.map(\.description) == results)
  }

  @Test func anExtensionIsKeptOnlyWhereItShallBe() async throws {
    let found = try await Self.expansion(keepsExtension: false).expand(
      MailAddress("one+ext@alias.test"))
    #expect(found == [MailAddress("target@other.test")])
  }

  private func error(
    _ address: String, _ tables: [String] = ["texthash:/virtual"],
    _ change: (inout AliasExpansion.Limits) -> Void = { _ in }
  ) async throws -> RewriteError? {
    var limits = AliasExpansion.Limits()
    change(&limits)
    let expansion = try Self.expansion(tables, limits: limits)
    do throws(RewriteError) {
      _ = try await expansion.expand(MailAddress(address))
      return nil
    } catch {
      return error
    }
  }

  @Test func whatIsUnreasonableIsSaidInPostfixsWords() async throws {
    let loop = try #require(try await error("loop1@alias.test"))
    #expect(
      loop.description == "unreasonable virtual_alias_maps map nesting for loop1@alias.test")
    let many = try #require(try await error("multi@alias.test") { $0.expansion = 3 })
    #expect(
      many.description == "unreasonable virtual_alias_maps map expansion size for multi@alias.test")
    let long = try #require(try await error("one@alias.test") { $0.addressLength = 16 })
    #expect(
      long.description == "unreasonable virtual_alias_maps result target@other.test...")
    #expect(loop.isUnreasonable && many.isUnreasonable && long.isUnreasonable)
    let enough = [
      try await error("one@alias.test") { $0.addressLength = 17 },
      try await error("multi@alias.test") { $0.expansion = 4 },
      try await error("chain1@alias.test") { $0.recursion = 4 },
    ]
    #expect(enough == [nil, nil, nil])
    let deep = try await error("chain1@alias.test") { $0.recursion = 3 }
    #expect(deep?.isUnreasonable == true)
  }

  @Test func tablesThatDoNotAnswerAreNoAnswer() async throws {
    let none = try #require(try await error("empty@alias.test"))
    #expect(
      none.description
        == "virtual_alias_maps lookup of empty@alias.test returns non-address result \",\"")
    let failed = try #require(try await error("x@y.test", ["fail:now"]))
    #expect(failed.description == "virtual_alias_maps map lookup problem for x@y.test")
    #expect(failed.cause != nil)
    #expect(!failed.isUnreasonable && !none.isUnreasonable)
    // A table that has answered before is enough.
    let copied = try await error("self@alias.test", ["texthash:/virtual", "fail:now"])
    #expect(copied?.cause != nil)
    let known = try await error(
      "self@alias.test", ["inline:{self@alias.test=self@alias.test}", "fail:now"])
    #expect(known == nil)
  }

  @Test func growthIsBoundedWhateverTheTablesSay() async throws {
    // Each step doubles, and none of the results is ever the same.
    let endless = ["regexp:{{/^(.*)@grow.test$/ $1a@grow.test, $1b@grow.test}}"]
    let grown = try #require(try await error("x@grow.test", endless))
    #expect(grown.isUnreasonable)
  }
}
