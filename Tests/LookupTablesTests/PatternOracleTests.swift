import Foundation
import RealPeers
import TestSupport
import Testing

@testable import LookupTables

/// The same `regexp:` tables to `postmap` and to Martinet: every key has the same value.
@Suite struct PatternOracleTests {
  struct Row: Sendable, CustomStringConvertible {
    let rules: String
    let keys: [String]
    var description: String { rules }

    init(_ rules: String, _ keys: String...) {
      self.rules = rules
      self.keys = keys
    }
  }

  private static let rows =
    extended + basic + brackets + [
      Row("/a/ v  with  inner spaces", "a"), Row("/a/ii v", "A", "a"), Row("/a/i v", "A", "a"),
      Row("/^(a|ab)(c|bcd)(d*)$/ $1-$2-$3", "abcd"), Row("/(a)/ ${1}b$$$(1)", "a"),
      Row("IF /a/\n/b/ ab\nENDIF\n/c/ c", "ab", "b", "c", "abc"),
      Row("if !/a/\n/b/ not a\nif /c/\n/d/ c d\nendif\nendif\n/x/ x", "b", "ab", "cd", "acd", "ax"),
      Row("if/a/\n/b/ ab\nendif", "ab"),
      Row("if /a/i\nif!/B/i\n/./ v\nendif\nendif", "a", "aB", "ab"),
      Row("!!/a/ x", "a", "b"), Row("! /a/ x", "a", "b"), Row("!/(a)/ x", "a", "b"),
      Row("# none\n\n/a/\n  folded value\n/b/ b", "a", "b"),
      Row("/a\\/b/ v", "a/b"), Row("|a\\|b| v", "a|b", "a", "b"), Row("|a\\|b|x v", "a|b", "a"),
      Row("~a~ x", "a"), Row("/^$/m v", "a"), Row("/a.b/m v", "axb"),
    ]

  private static let extended = [
    Row("/\\w\\sx/ v", "a x", "- x"), Row("/\\<foo\\>/ v", "a foo b", "afoob", "foob"),
    Row("/a\\b/ v", "a b", "ab"), Row("/a\\Bb/ v", "ab", "a b"),
    Row("/\\`a\\'/ v", "a", "ba", "ab"),
    Row("/a*?b/ v", "aab", "b"), Row("/^a**$/ v", "aaa"), Row("/^a{,2}b/ v", "aaab", "aab", "b"),
    Row("/^a{2}{2}$/ v", "aaaa", "aaa"), Row("/^a{2,}$/ v", "a", "aaa"), Row("/a{0}b/ v", "b"),
    Row("/(a)\\1/ v", "aa", "a1"), Row("/^a|b$/ v", "ax", "xb", "bx"), Row("/a^b/ v", "a^b"),
    Row("/a$b/ v", "a$b"), Row("/()a/ v$1", "a"), Row("/^(|a)b/ v", "b", "ab"),
    Row("/^(a||b)c/ v", "c"), Row("/a)b/ v", "a)b"), Row("/^\\.\\+\\@/ v", ".+@", "x+@"),
    Row("/\\//i v", "/"), Row("/(a+)(b?)/ $1:$2", "xaay"), Row("/^.$/ v", "x", "xx"),
    Row("/((a)(b(c)))/ $1 $2 $3 $4", "abc"), Row("/a b/ v", "a b"), Row("/a#b/ v", "a#b"),
  ]

  private static let basic = [
    Row("/a\\(b\\)c/x got $1", "abc", "a(b)c"), Row("/^*a/x v", "*a", "a"),
    Row("/*a/x v", "*a", "a"),
    Row("/a\\{2\\}$/x v", "aa", "a"), Row("/^a\\{,2\\}b$/x v", "aaab", "aab"),
    Row("/a\\|b/x v", "b"), Row("/a+/x v", "a+", "aa"), Row("/a\\+$/x v", "a+", "aa"),
    Row("/a\\?b/x v", "b", "a?b"), Row("/a?/x v", "a?", "a"), Row("/a^b/x v", "a^b"),
    Row("/a$b/x v", "a$b", "ab"), Row("/\\(^a\\)/x v", "a", "ba"), Row("/\\(a$\\)/x v", "a", "ab"),
    Row("/\\(*a\\)/x v", "*a", "a"), Row("/\\+a/x v", "+a", "a"), Row("/a\\|*b/x v", "*b", "b"),
    Row("/a{2}/x v", "a{2}", "aa"), Row("/(a)|b/x v", "(a)|b", "b"), Row("/\\(a\\)\\1/x v", "aa"),
    Row("/a)b/x v", "a)b"), Row("/a\\.b/xi v", "a.b", "A.b", "axb"), Row("/x\\(\\)/x v", "x"),
  ]

  private static let brackets = [
    Row("/[\\w]x/ v", "wx", "\\x", "ax"), Row("/[a\\]b/ v", "\\b", "ab"), Row("/[]a]b/ v", "]b"),
    Row("/[^]a]b/ v", "]b", "xb"), Row("/^[[:alpha:]]b/ v", "1b", "xb"), Row("/[[.a.]]b/ v", "ab"),
    Row("/[[=a=]]b/ v", "ab"), Row("/^[a-]b/ v", "-b", "bb"), Row("/^[!-.]b/ v", "+b", "0b"),
    Row("/^[[:upper:]]/i v", "a", "A"), Row("/^[[:digit:]_]/ v", "_", "1", "a"),
    Row("/^[^[:space:]]$/ v", "a", "ab"), Row("/^[a-c]$/ v", "B", "d"), Row("/[[]b/ v", "[b"),
    Row("/^[[:punct:]]$/ v", "@", "a"), Row("/^[[:xdigit:]]$/ v", "f", "g"), Row("/[.*+]/ v", "+"),
  ]

  private static let noValue = "(none)"

  /// The answers of `postmap` to all keys of some tables, and what it said about each table.
  private static func postmap(
    _ tables: [(text: String, keys: [String])]
  ) throws -> (values: [[String]], errors: String) {
    let folder = try TemporaryDirectory(prefix: "patterns")
    try folder.write("compatibility_level = 3.6\n", to: "main.cf")
    var script = "cd \(folder.url.path)\n"
    for (number, table) in tables.enumerated() {
      try folder.write(table.text + "\n", to: "table\(number)")
      for key in table.keys {
        let quoted = key.replacing("'", with: "'\\''")
        script += "postmap -c . -q '\(quoted)' regexp:table\(number) || echo '\(noValue)'\n"
      }
    }
    let outcome = try Program.outcome("sh", ["-c", script], within: .seconds(240))
    var lines = outcome.output.map(\.description)[...]
    try #require(lines.count == tables.reduce(0) { $0 + $1.keys.count })
    let values = tables.map { table in
      defer { lines = lines.dropFirst(table.keys.count) }
      return Array(lines.prefix(table.keys.count))
    }
    return (values, outcome.errors)
  }

  private static func table(_ text: String) throws -> any LookupTable {
    try TableOpener { _ in Array(text.utf8) + [10] }.open("regexp:table")
  }

  @Test(.enabled(if: Program.find("postmap") != nil), .timeLimit(.minutes(5)))
  func everyKeyHasTheSameValue() async throws {
    let theirs = try await onOwnThread {
      try Self.postmap(Self.rows.map { ($0.rules, $0.keys) })
    }
    for (row, values) in zip(Self.rows, theirs.values) {
      let table = try Self.table(row.rules)
      for (key, value) in zip(row.keys, values) {
        let ours = try await table.find(Array(key.utf8))
        #expect(
          ours.map { String(decoding: $0, as: UTF8.self) } ?? Self.noValue == value,
          "\(row): \(key)")
      }
    }
  }

  /// What Postfix passes over with a warning is an error here.
  @Test(.enabled(if: Program.find("postmap") != nil), .timeLimit(.minutes(5)))
  func whatPostfixCannotReadIsRefused() async throws {
    let rules = [
      "/(?:a)b/ v", "/*a/ v", "/^*a/ v", "/a|*b/ v", "/{a/ v", "/a{x/ v", "/a{1/ v", "/a\\{x/x v",
      "/\\{2\\}/x v", "/[a/ v", "/[[:foo:]]/ v", "/[[.hyphen.]]/ v", "/[b-a]/ v", "/(a/ v",
      "/\\(a/x v", "/a\\)/x v", "/\\1a/ v", "/a{2,1}/ v", "/a{99999}/ v", "/a/q v", "/a v",
      "/(a)/ $2", "!/(a)/ $1", "/a/i/ x",
    ]
    let theirs = try await onOwnThread { try Self.postmap(rules.map { ($0, ["a"]) }) }
    for (number, rule) in rules.enumerated() {
      #expect(theirs.errors.contains("map table\(number), line 1: "), "\(rule)")
      #expect(throws: LookupError.self, "\(rule)") { try Self.table(rule) }
    }
  }
}
