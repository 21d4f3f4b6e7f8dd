import Testing

struct BannedWordTests {
  private static let spellers: Set = [
    "Tests/TidyTests/BannedWords.swift", "Tests/TidyTests/BannedWordTests.swift",
  ]

  @Test(arguments: ["Sources", "Tests"])
  func noFileHoldsABannedWord(folder: String) throws {
    for file in try PackageTree.swiftFiles(below: folder) where !Self.spellers.contains(file.path) {
      for violation in BannedWords.violations(in: file) { Issue.record("\(violation)") }
    }
  }

  @Test(arguments: [
    "// TODO later", "let a = try! b()", "await Task.sleep(for: .seconds(1))", "import Foundation",
    "/* FIXME */", "x(); DispatchQueue.main.async {}", "print(1)", "XXXX; XXX",
  ])
  func aBannedWordIsFoundInSources(line: String) {
    #expect(BannedWords.violations(in: SwiftText(path: "Sources/A.swift", text: line)).count == 1)
  }

  @Test(arguments: ["sleep(1)", "usleep(5)", "Thread.sleep(forTimeInterval: 1)", "let x = try! y"])
  func aBannedWordIsFoundInTests(line: String) {
    #expect(!BannedWords.violations(in: SwiftText(path: "Tests/A.swift", text: line)).isEmpty)
  }

  @Test(arguments: [
    "// Task.sleep would start threads.", "let template = \"spoolXXXXXX\"", "try sleep(until: t)",
    "fingerprint(of: x)", "let text = \"try! again\"", "mastodont", "asleep()",
  ])
  func aHarmlessLineIsNot(line: String) {
    #expect(BannedWords.violations(in: SwiftText(path: "Sources/A.swift", text: line)).isEmpty)
    #expect(BannedWords.violations(in: SwiftText(path: "Tests/A.swift", text: line)).isEmpty)
  }
}
