import LinuxSystem
import Testing

/// What shows only in a process that the reactor has to itself.
@Suite struct ProbeTests {
  /// Runs a shell command in the folder of the probe and gives what it prints.
  func output(of command: String) throws -> String {
    let here = try ThisProcess.executable()
    let folder = here[..<(here.lastIndex(of: "/") ?? here.endIndex)]
    var pipe = try Files.pipe()
    let writing = pipe.takeWriting()
    let reading = SharedDescriptor(pipe.takeReading())
    let child = try ChildProcess.spawn(
      "/bin/sh", arguments: ["-c", "cd '\(folder)'; \(command)"],
      descriptors: [(writing.raw, 1)])
    writing.close()
    var output: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    defer { buffer.deallocate() }
    while case .count(let count) = Files.readSome(reading.raw, into: buffer) {
      output.append(contentsOf: buffer[..<count])
    }
    #expect(try child.wait() == .exited(0))
    return String(decoding: output, as: UTF8.self)
  }

  @Test func aProcessHasOneThreadWhateverItsTasksDo() throws {
    #expect(try output(of: "exec ./ReactorProbe threads") == "alone 1 with_helper 2\n")
  }

  /// Among the tests both numbers may be beyond those that a child can get.
  @Test func numbersOfAChildThatCrossAreBothRight() throws {
    #expect(try output(of: "exec ./ReactorProbe cross") == "BA\n")
  }

  @Test func descriptorsBeyondTheLimitsWaitOrAreMissed() throws {
    #expect(
      try output(of: "ulimit -n 40; exec ./ReactorProbe descriptors")
        == "queued 4 all_arrived true\ntruncated true of 0\n")
  }
}
