import LinuxSystem
import Primitives
import SystemPackage
import Testing

/// A directory that goes with its test.
final class Scratch {
  let path: String
  let directory: SharedDescriptor

  init() throws {
    let bits = try ThisProcess.randomBits()
    path = "/tmp/linux-system-\(String(bits.high, radix: 16))"
    try Files.makeDirectory(path, permissions: 0o700)
    directory = SharedDescriptor(try Files.open(path, [.read, .directory]))
  }

  deinit {
    do {
      for name in try Files.names(in: directory.raw) {
        try Files.unlink(name, in: directory.raw)
      }
      try Files.removeDirectory(path)
    } catch {
      Issue.record(error)
    }
  }
}

@Suite struct FileTests {
  let scratch: Scratch
  var folder: Int32 { scratch.directory.raw }

  init() throws { scratch = try Scratch() }

  @Test func aTemporaryFileGetsItsNameOnce() throws {
    let file = try Files.open(".", [.read, .write, .temporary], in: folder)
    let raw = file.raw
    try Files.writeAll(raw, Array("content".utf8), at: 0)
    #expect(try Files.names(in: folder).isEmpty)
    try Files.linkTemporary(raw, as: "named", in: folder)
    #expect(throws: Errno.fileExists) {
      try Files.linkTemporary(raw, as: "named", in: folder)
    }
    try Files.sync(folder)
    #expect(try Files.names(in: folder) == ["named"])
    #expect(
      try Files.readWhole("\(scratch.path)/named", limit: 7) == Array("content".utf8))
    #expect(throws: Errno.fileTooLarge) { try Files.readWhole("\(scratch.path)/named", limit: 6) }
    file.close()
  }

  @Test func gatheredWritesCoverManyBuffers() throws {
    let file = try Files.open("many", [.read, .write, .create, .exclusive], in: folder)
    let raw = file.raw
    let pieces = (0..<3000).map { [UInt8](repeating: UInt8($0 & 255), count: $0 % 5) }
    let whole = pieces.flatMap { $0 }
    let copies = pieces.map { piece in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: piece.count, alignment: 1)
      copy.copyBytes(from: piece)
      return copy
    }
    try Files.writeAll(raw, gathering: copies.map { UnsafeRawBufferPointer($0) }, at: 10)
    for copy in copies { copy.deallocate() }
    #expect(try Files.read(raw, count: whole.count + 50, at: 10) == whole)
    try Files.syncData(raw)
    #expect(try Files.status(of: raw).size == Int64(whole.count + 10))
    file.close()
  }

  @Test func reservedBlocksDoNotChangeTheSize() throws {
    let file = SharedDescriptor(try Files.open("reserved", [.write, .create], in: folder))
    let reserved = Result { () throws(Errno) in
      try Files.allocate(file.raw, offset: 0, count: 1 << 20)
    }
    let status = try Files.status(of: file.raw)
    #expect(status.size == 0)
    switch reserved {
    case .success: #expect(status.allocated >= 1 << 20)
    case .failure(let errno):
      #expect(errno == .notSupportedOnSocket)
      #expect(status.allocated == 0)
    }
  }

  @Test func aLockHeldByAnotherDescriptionIsNotGiven() throws {
    let first = try Files.open("lock", [.write, .create], in: folder)
    let second = try Files.open("lock", [.write], in: folder)
    let numbers = (first.raw, second.raw)
    #expect(try Files.tryLock(numbers.0))
    #expect(try !Files.tryLock(numbers.1))
    first.close()
    #expect(try Files.tryLock(numbers.1))
    second.close()
  }

  @Test func statusAndSpaceAreKnown() throws {
    let file = try Files.open("status", [.write, .create], permissions: 0o640, in: folder)
    let raw = file.raw
    try Files.setPermissions(raw, 0o604)
    let status = try Files.status(of: raw)
    #expect(status.permissions == 0o604)
    #expect(status.isRegular && !status.isDirectory)
    #expect(status.uid == Identity.uid)
    #expect(abs(status.modified.since(Clocks.wallNow()).inSeconds) < 60)
    #expect(try Files.status("status", in: folder).inode == status.inode)
    #expect(try Files.status(scratch.path).isDirectory)
    #expect(try Files.space(of: raw).available > 0)
    try Files.rename("status", in: folder, to: "renamed", in: folder)
    #expect(throws: Errno.noSuchFileOrDirectory) { try Files.status("status", in: folder) }
    file.close()
  }

  @Test func manyNamesAreListed() throws {
    let names = (0..<2000).map { "a-rather-long-name-of-a-file-\($0)" }
    for name in names { _ = try Files.open(name, [.write, .create], in: folder) }
    #expect(try Files.names(in: folder).sorted() == names.sorted())
    #expect(try Files.names(in: folder).count == 2000)
  }

  @Test func sealedMemoryCannotBeChanged() throws {
    let file = try Files.sealedMemory("sealed", content: [1, 2, 3])
    let raw = file.raw
    #expect(throws: Errno.notPermitted) { try Files.writeAll(raw, [9], at: 0) }
    #expect(try Files.read(raw, count: 10, at: 0) == [1, 2, 3])
    file.close()
  }

  @Test func anOwnedDescriptorIsClosedWhenItGoes() throws {
    var pipe = try Files.pipe()
    let reading = pipe.takeReading()
    let writing = pipe.takeWriting()
    let copy = try writing.duplicate()
    writing.close()
    let numbers = (copy.raw, reading.raw)
    #expect([5].withUnsafeBytes { Files.writeSome(numbers.0, $0) } == .count(8))
    copy.close()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
    defer { buffer.deallocate() }
    #expect(Files.readSome(numbers.1, into: buffer) == .count(8))
    #expect(Files.readSome(numbers.1, into: buffer) == .ended)
    reading.close()
  }
}
