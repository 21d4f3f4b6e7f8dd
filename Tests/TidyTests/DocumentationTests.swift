import Testing

struct DocumentationTests {
  @Test(arguments: ["Sources", "Tests/Support"])
  func everyVisibleDeclarationIsDocumented(folder: String) throws {
    for file in try PackageTree.swiftFiles(below: folder) {
      for violation in Documentation.violations(in: file) { Issue.record("\(violation)") }
    }
  }

  @Test(arguments: [
    "package struct A {}", "  package static let a = 1", "  @inline(__always) package init() {}",
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
