import Testing

@testable import Configuration

@Suite struct MainFileTests {
  private func values(_ text: String) -> [String: String] {
    let file = MainFile(Array(text.utf8), file: "main.cf")
    return Dictionary(uniqueKeysWithValues: file.assignments.map { ($0.name, $0.value) })
  }

  /// Text and the values that Postfix 3.7 reads from it.
  @Test(arguments: [
    ("a = b\n   c\n\td\n# x\n  e\n\n  f\ng=1\n", ["a": "b   c\td  e  f", "g": "1"]),
    ("a = b\r\ng = h\r\n", ["a": "b", "g": "h"]),
    ("a =\n   # c\n  v\n", ["a": "v"]),
    ("   # comment\na = x # y\n", ["a": "x # y"]),
    ("a=1\na=2\n", ["a": "2"]),
    ("a=b=c\n", ["a": "b=c"]),
    ("a=\n", ["a": ""]),
    ("smtp-amavis_x=1\nhome.x=a\n2b=c", ["smtp-amavis_x": "1", "home.x": "a", "2b": "c"]),
    ("a = b\\\n", ["a": "b\\"]),
    ("{a=b}\n", ["{a": "b}"]),
    ("", [:]),
  ])
  func readsWhatPostfixReads(text: String, expected: [String: String]) {
    #expect(values(text) == expected)
  }

  @Test(arguments: [
    ("x=1\na\n", "missing '=' after \"a\""), ("x=1\na b = c\n", "missing '=' after \"a\""),
    ("x=1\n= c\n", "missing a parameter name before '='"),
    ("x=1\na=\0b\n", "a NUL byte is not text"),
  ])
  func refusesWhatIsNoAssignment(text: String, message: String) {
    let found = MainFile(Array(text.utf8), file: "main.cf").diagnostics
    #expect(
      found == [
        Diagnostic(.error, at: SourceLocation(file: "main.cf", line: 2), subject: nil, message)
      ])
  }

  @Test func saysWhichLineIsNotUTF8() {
    let found = MainFile(Array("a=1\nb=".utf8) + [0xff, 10], file: "f")
    #expect(
      found.diagnostics.map(\.description) == [
        "warning: f, line 2: bytes that are not UTF-8 are replaced by question marks"
      ])
    #expect(found.assignments.map(\.value) == ["1", "\u{fffd}"])
  }

  @Test func warnsOfAnOverriddenValueAndOfALeadingSpace() {
    let found = MainFile(Array(" z\na=1\n\na=2\n".utf8), file: "f").diagnostics
    #expect(
      found.last?.withoutValue.text == "f, line 4: a: overrides the earlier value of line 2: a")
    #expect(
      found.map(\.description) == [
        "warning: f, line 1: the first line must not start with white space; it is ignored",
        "warning: f, line 4: a: overrides the earlier value of line 2: a=1",
      ])
  }
}
