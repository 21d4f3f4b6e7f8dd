import Foundation
import Simulation
import Testing

/// The root of the package.
private let root = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().resolvingSymlinksInPath()

@Test func everyRuleNamesTestsThatExist() throws {
  let table = try String(
    contentsOf: root.appending(path: "Sources/Queue/QueueStore/QueueStore.swift"),
    encoding: .utf8)
  let rows = table.split(separator: "\n").filter { $0.hasPrefix("// | ") }
  var tests = ""
  let files = FileManager.default.enumerator(
    at: root.appending(path: "Tests").resolvingSymlinksInPath(), includingPropertiesForKeys: nil)
  while let file = files?.nextObject() as? URL {
    if file.pathExtension == "swift" { tests += try String(contentsOf: file, encoding: .utf8) }
  }
  var names = 0
  for row in rows {
    for (index, part) in row.split(separator: "`", omittingEmptySubsequences: false).enumerated()
    where index % 2 == 1 {
      names += 1
      #expect(tests.contains("func \(part)("), "\(row): there is no test \(part)")
    }
    for part in row.components(separatedBy: "broken: ").dropFirst() {
      let name = part.prefix { $0.isLetter }
      #expect(
        SpoolSimulation.Mutation.allCases.contains { "\($0)" == name },
        "\(row): nothing is broken as \(name)")
    }
  }
  #expect(rows.count > 25)
  #expect(names > 40)
}
