import Testing

struct HouseTests {
  private static let topLevel: Set = [
    "Package.swift", "Package.resolved", "Sources", "Tests", "Benchmarks", "packaging",
    "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE",
  ]

  @Test func theTopLevelHoldsOnlyWhatBelongsThere() throws {
    let names = try PackageTree.names(in: ".").filter { !$0.hasPrefix(".") }
    #expect(Set(names).subtracting(Self.topLevel).isEmpty)
    #expect(Self.topLevel.subtracting(names).subtracting(["Package.resolved"]).isEmpty)
  }

  @Test func theLicenseIsApache2InFull() throws {
    let text = try PackageTree.text(of: "LICENSE")
    #expect(text.contains("Apache License"))
    #expect(text.contains("Version 2.0, January 2004"))
    #expect(text.contains("END OF TERMS AND CONDITIONS"))
  }

  @Test func everyFolderOfTestsMirrorsATargetOrSupportsThem() throws {
    let special: Set = ["EndToEnd", "Support", "TestSupportTests", "TidyTests"]
    for folder in try PackageTree.names(in: "Tests") where !special.contains(folder) {
      #expect(folder.hasSuffix("Tests"), "\(folder)")
      #expect(Layers.house.rooms[String(folder.dropLast(5))] != nil, "\(folder)")
    }
  }

  @Test func everyTargetIsNamedInTheArchitecture() throws {
    let text = try PackageTree.text(of: "ARCHITECTURE.md")
    for target in Layers.house.rooms.keys.sorted() {
      #expect(text.contains("`\(target)`"), "\(target)")
    }
  }

  /// A file may hold small types that belong together, so a few names are their common noun.
  @Test func nearlyEveryFileIsNamedForWhatItDeclares() throws {
    let files = try PackageTree.swiftFiles(below: "Sources").filter { file in
      file.code.contains { !$0.allSatisfy(\.isWhitespace) }
    }
    let strays = files.filter { !Self.declaresItsName($0) }.map(\.path)
    #expect(strays.count * 4 <= files.count, "\(strays)")
  }

  private static func declaresItsName(_ file: SwiftText) -> Bool {
    let stem = file.path.split(separator: "/").last?.split(separator: ".").first ?? ""
    let type = stem.prefix { $0 != "+" }
    let kinds: Set = ["struct", "class", "enum", "protocol", "actor", "extension", "typealias"]
    return file.code.contains { line in
      let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
      return zip(words, words.dropFirst()).contains {
        kinds.contains(String($0)) && $1.lowercased() == type.lowercased()
      }
    }
  }
}
