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
      Row("if/a/\n/b/ ab\nendif", "ab"), Row("if /a/i\nif!/B/i\n/./ v\nendif\nendif", "a", "aB", "ab"),
      Row("!!/a/ x", "a", "b"), Row("! /a/ x", "a", "b"), Row("!/(a)/ x", "a", "b"),
      Row("# none\n\n/a/\n  folded value\n/b/ b", "a", "b"),
      Row("/a\\/b/ v", "a/b"), Row("|a\\|b| v", "a|b", "a", "b"), Row("|a\\|b|x v", "a|b", "a"),
      Row("!a! x", "a", "b"), Row("~a~ x", "a"), Row("/^$/m v", "a"), Row("/a.b/m v", "axb"),
    ]

  private static let extended = [
    Row("/\\w\\sx/ v", "a x", "- x"), Row("/\\<foo\\>/ v", "a foo b", "afoob", "foob"),
    Row("/a\\b/ v", "a b", "ab"), Row("/a\\Bb/ v", "ab", "a b"), Row("/\\`a\\'/ v", "a", "ba", "ab"),
    Row("/a*?b/ v", "aab", "b"), Row("/^a**$/ v", "aaa"), Row("/^a{,2}b/ v", "aaab", "aab", "b"),
    Row("/^a{2}{2}$/ v", "aaaa", "aaa"), Row("/^a{2,}$/ v", "a", "aaa"), Row("/a{0}b/ v", "b"),
    Row("/(a)\\1/ v", "aa", "a1"), Row("/^a|b$/ v", "ax", "xb", "bx"), Row("/a^b/ v", "a^b"),
    Row("/a$b/ v", "a$b"), Row("/()a/ v$1", "a"), Row("/^(|a)b/ v", "b", "ab"),
    Row("/^(a||b)c/ v", "c"), Row("/a)b/ v", "a)b"), Row("/^\\.\\+\\@/ v", ".+@", "x+@"),
    Row("/\\//i v", "/"), Row("/(a+)(b?)/ $1:$2", "xaay"), Row("/^.$/ v", "x", "xx"),
    Row("/((a)(b(c)))/ $1 $2 $3 $4", "abc"), Row("/a b/ v", "a b"), Row("/a#b/ v", "a#b"),
  ]

  private static let basic = [
    Row("/a\\(b\\)c/x got $1", "abc", "a(b)c"), Row("/^*a/x v", "*a", "a"), Row("/*a/x v", "*a", "a"),
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
    Row("/[[=a=]]b/ v", "ab"), Row("/^[a-]b/ v", "-b", "bb"), Row("/^[!-/]b/ v", "+b", "0b"),
    Row("/^[[:upper:]]/i v", "a", "A"), Row("/^[[:digit:]_]/ v", "_", "1", "a"),
    Row("/^[^[:space:]]$/ v", "a", "ab"), Row("/^[a-c]$/ v", "B", "d"), Row("/[[]b/ v", "[b"),
    Row("/^[[:punct:]]$/ v", "@", "a"), Row("/^[[:xdigit:]]$/ v", "f", "g"), Row("/[.*+]/ v", "+"),
  ]

  @Test(.enabled(if: Program.find("postmap") != nil), arguments: rows)
  func everyKeyHasTheSameValue(_ row: Row) async throws {
    let folder = try TemporaryDirectory(prefix: "patterns")
    try folder.write("compatibility_level = 3.6\n", to: "main.cf")
    let path = try folder.write(row.rules + "\n", to: "table")
    let opener = TableOpener { _ in Array(row.rules.utf8) + [10] }
    let table = try opener.open("regexp:\(path)")
    for key in row.keys {
      let outcome = try Program.outcome(
        "postmap", ["-c", folder.url.path, "-q", key, "regexp:\(path)"])
      let theirs = outcome.output.map(\.description).joined(separator: "\n")
      let ours = try await table.find(Array(key.utf8)).map { String(decoding: $0, as: UTF8.self) }
      #expect((ours ?? "") == theirs, "\(key): \(outcome.errors)")
    }
  }

  /// What Postfix passes over with a warning is an error here.
  @Test(
    .enabled(if: Program.find("postmap") != nil),
    arguments: [
      "/(?:a)b/ v", "/*a/ v", "/^*a/ v", "/a|*b/ v", "/{a/ v", "/a{x/ v", "/a{1/ v", "/a\\{x/x v",
      "/\\{2\\}/x v", "/[a/ v", "/[[:foo:]]/ v", "/[[.hyphen.]]/ v", "/[b-a]/ v", "/(a/ v",
      "/\\(a/x v", "/a\\)/x v", "/\\1a/ v", "/a{2,1}/ v", "/a{99999}/ v", "/a/q v", "/a v",
      "/(a)/ $2", "!/(a)/ $1", "/a/i/ x",
    ])
  func whatPostfixCannotReadIsRefused(_ rule: String) throws {
    let folder = try TemporaryDirectory(prefix: "patterns")
    try folder.write("compatibility_level = 3.6\n", to: "main.cf")
    let path = try folder.write(rule + "\n", to: "table")
    let outcome = try Program.outcome(
      "postmap", ["-c", folder.url.path, "-q", "a", "regexp:\(path)"])
    #expect(outcome.errors.contains("line 1"))
    let opener = TableOpener { _ in Array(rule.utf8) + [10] }
    #expect(throws: LookupError.self) { try opener.open("regexp:\(path)") }
  }
}
