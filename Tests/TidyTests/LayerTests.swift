import Testing

struct LayerTests {
  @Test func everyFileImportsOnlyWhatItsFloorAllows() throws {
    for file in try PackageTree.swiftFiles(below: "Sources") {
      for violation in Layers.house.violations(in: file) { Issue.record("\(violation)") }
    }
  }

  @Test func everyTargetOfTheTableHasItsFolderAndEveryFolderItsTarget() throws {
    var folders: Set<String> = []
    for floor in try PackageTree.names(in: "Sources") {
      for target in try PackageTree.names(in: "Sources/\(floor)") {
        folders.insert("\(floor)/\(target)")
      }
    }
    let table = Set(Layers.house.rooms.map { "\($0.value.floor)/\($0.key)" })
    #expect(folders == table)
  }

  @Test func noTargetImportsOneThatImportsItBack() {
    for (name, room) in Layers.house.rooms {
      for other in room.imports {
        #expect(Layers.house.rooms[other]?.imports.contains(name) != true, "\(name) and \(other)")
      }
    }
  }

  @Test func servicesNeverImportOneAnother() {
    let services = Layers.house.rooms.filter { $0.value.floor == "Services" }
    for (name, room) in services {
      let others = room.imports.intersection(services.keys).subtracting(["ServiceKit"])
      #expect(others.isEmpty, "\(name)")
    }
  }

  @Test(arguments: [
    ("import Foundation", "Foundation"), ("package import Reactor", "Reactor"),
    ("@preconcurrency internal import Glibc", "Glibc"),
    ("import struct Foundation.URL", "Foundation"),
  ])
  func anImportOutOfItsLayerIsFound(line: String, module: String) {
    let file = SwiftText(path: "Sources/Mail/MailTypes/A.swift", text: "\(line)\n")
    #expect(
      Layers.house.violations(in: file)
        == ["Sources/Mail/MailTypes/A.swift:1: MailTypes may not import \(module)"])
  }

  @Test(arguments: ["// import Foundation", "let text = \"import Foundation\"", "/* import X */"])
  func whatIsNotAnImportIsNotTakenForOne(line: String) {
    let file = SwiftText(path: "Sources/Mail/MailTypes/A.swift", text: line)
    #expect(Layers.house.violations(in: file).isEmpty)
  }

  @Test func aTargetOutsideTheTableIsFound() {
    let file = SwiftText(path: "Sources/Mail/Attic/A.swift", text: "")
    #expect(!Layers.house.violations(in: file).isEmpty)
  }
}
