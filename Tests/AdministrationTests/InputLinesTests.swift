import LinuxSystem
import Testing

@testable import Administration

@Test func linesAreReadAsTheyComeAndLongOnesAreCut() throws {
  let long = String(repeating: "x", count: 100_000)
  let file = SharedDescriptor(
    try Files.sealedMemory("lines", content: Array("one\n\n\(long)\nlast".utf8)))
  var lines = InputLines(file.raw)
  var read: [String] = []
  while let line = try lines.next() { read.append(line) }
  #expect(read == ["one", "", String(long.prefix(InputLines.lengthMax)), "last"])
}

@Test func anInputThatCannotBeReadIsSaid() throws {
  let folder = SharedDescriptor(try Files.open("/", [.read, .directory]))
  var lines = InputLines(folder.raw)
  #expect(throws: ControlFailure.self) { try lines.next() }
}
