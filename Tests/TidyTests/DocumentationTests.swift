import Testing

struct DocumentationTests {
  @Test(arguments: ["Sources", "Tests/Support"])
  func everyVisibleDeclarationIsDocumented(folder: String) throws {
    let files = try PackageTree.swiftFiles(below: folder)
    let requirements = Set(files.flatMap(Documentation.requirements))
    for file in files {
      for violation in Documentation.violations(in: file, requirements: requirements) {
        Issue.record("\(violation)")
      }
    }
  }

  @Test func aWitnessIsToldOfAtItsProtocol() {
    let text = """
      protocol P {
        /// Goes.
        func go(to place: Int) async
        func come()
      }
      """
    let requirements = Documentation.requirements(in: SwiftText(path: "P.swift", text: text))
    #expect(requirements == ["func go(to place: Int) async"])
    for (line, count) in [
      ("  package func go(to place: Int) async {", 0), ("package func come() {", 1),
    ] {
      let file = SwiftText(path: "A.swift", text: line)
      #expect(Documentation.violations(in: file, requirements: Set(requirements)).count == count)
    }
  }

  @Test(arguments: [
    "package struct A {}", "  package static let a = 1",
    "  @inline(__always) package init(a: Int) {}",
    "package final class A {}", "  private(set) package var a = 1", "public func f() {}",
    "  package mutating func f() {}", "package enum A {}", "  package class func f() {}",
    "// not a doc comment\npackage let a = 1", "  package subscript(i: Int) -> Int { 1 }",
  ])
  func anUndocumentedDeclarationIsFound(text: String) {
    #expect(Documentation.violations(in: SwiftText(path: "A.swift", text: text)).count == 1)
  }

  @Test(arguments: [
    "/// A thing.\npackage struct A {}", "/// One.\n@inline(__always)\npackage func f() {}",
    "struct A {}", "package import Reactor", "package static func < (a: A, b: A) -> Bool { true }",
    "let a = \"package struct B\"", "package extension A {}", "private let package = 1",
  ])
  func aDocumentedOrHiddenOneIsNot(text: String) {
    #expect(Documentation.violations(in: SwiftText(path: "A.swift", text: text)).isEmpty)
  }
}
