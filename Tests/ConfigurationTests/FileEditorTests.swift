import Testing

@testable import Configuration

struct FileEditorTests {
  private static let text = "# a\none = 1\n  more\n  # inside\n\tmost\n\n two = orphan?\nthree=3\n"

  private func edited(_ edit: (FileEditor) -> [UInt8]) -> String {
    String(decoding: edit(FileEditor(Array(Self.text.utf8))), as: UTF8.self)
  }

  @Test func whatIsNotNamedStaysByteForByte() {
    #expect(edited { $0.edited { _ in .keep } } == Self.text)
  }

  @Test func aReplacedEntryKeepsTheCommentsInside() {
    let new = Assignment(name: "one", value: "x", location: SourceLocation(file: "", line: 0))
    #expect(edited { $0.setting([new]) } == "# a\none = x\n  # inside\n\nthree=3\n")
  }

  @Test func theLastLineOfAFileNeedsNoEnd() {
    let editor = FileEditor(Array("a = 1\nb = 2".utf8))
    let new = Assignment(name: "c", value: "3", location: SourceLocation(file: "", line: 0))
    #expect(String(decoding: editor.setting([new]), as: UTF8.self) == "a = 1\nb = 2\nc = 3\n")
  }

  @Test func anEntryBecomesAComment() {
    #expect(
      edited { $0.dropping(["one"], asComments: true) }
        == "# a\n#one = 1\n#  more\n  # inside\n#\tmost\n\n# two = orphan?\nthree=3\n")
  }
}
