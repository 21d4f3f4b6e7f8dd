import Testing

struct SizeTests {
  @Test(arguments: ["Sources", "Tests"])
  func filesAndLinesKeepTheirSize(folder: String) throws {
    for file in try PackageTree.swiftFiles(below: folder) {
      for violation in Sizes.violations(in: file) { Issue.record("\(violation)") }
    }
  }

  @Test func aLongFileIsFound() {
    let text = String(repeating: "\n", count: Sizes.linesMax + 1)
    #expect(Sizes.violations(in: SwiftText(path: "A.swift", text: text)).count == 1)
  }

  @Test func aFileAtTheLimitIsNot() {
    let line = String(repeating: "x", count: Sizes.columnsMax) + "\n"
    let text = String(repeating: line, count: Sizes.linesMax)
    #expect(Sizes.violations(in: SwiftText(path: "A.swift", text: text)).isEmpty)
  }

  @Test(arguments: [String(repeating: "x", count: Sizes.columnsMax + 1), "\tx", "x "])
  func anUntidyLineIsFound(line: String) {
    let found = Sizes.violations(in: SwiftText(path: "A.swift", text: "x\n\(line)\n"))
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("A.swift:2: ") == true)
  }

  @Test func aLineOfALiteralIsNot() {
    let wide = String(repeating: "x", count: Sizes.columnsMax + 1)
    let text = "let a = \"\"\"\n\(wide) \n  \"\"\"\n"
    #expect(Sizes.violations(in: SwiftText(path: "A.swift", text: text)).isEmpty)
    #expect(Sizes.violations(in: SwiftText(path: "A.swift", text: "// \(wide)")).count == 1)
  }
}
