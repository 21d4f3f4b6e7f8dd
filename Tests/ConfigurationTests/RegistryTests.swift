import Foundation
import Testing

@testable import Configuration

@Suite struct RegistryTests {
  /// The names in `Self("name", …)` of the files that declare parameters.
  private func declaredNames() throws -> [String] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Sources/Rules/Configuration/Parameters").standardizedFileURL
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    return try files.flatMap { file in
      try String(contentsOf: file, encoding: .utf8).matches(of: /Self\(\s*"([a-z0-9_A-Z]+)"/)
        .map { String($0.1) }
    }
  }

  @Test func everyDeclaredParameterIsListedOnce() throws {
    let names = try declaredNames().sorted()
    #expect(names.count > 200)
    #expect(names == Registry.declarations.map(\.name).sorted())
  }

  @Test func everyDeclarationIsDescribed() {
    for declaration in Registry.declarations {
      #expect(declaration.summary.hasSuffix("."), "\(declaration.name)")
    }
  }
}
