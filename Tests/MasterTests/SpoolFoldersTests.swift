import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Master

@Suite struct SpoolFoldersTests {
  private let folder: TemporaryDirectory
  private let root: String

  init() throws {
    folder = try TemporaryDirectory()
    root = folder.path("spool")
  }

  @Test func whatIsMissingIsMadeAndFoundGoodAfterwards() throws {
    try SpoolDirectories.prepare(root, owner: nil)
    for wanted in SpoolDirectories.folders {
      let status = try Files.status(root + "/" + wanted.name)
      #expect(status.isDirectory)
      #expect(status.permissions & 0o777 == wanted.permissions)
      #expect(status.uid == Identity.uid)
    }
    #expect(SpoolDirectories.check(root, owner: nil).isEmpty)
    try SpoolDirectories.prepare(root, owner: nil)
  }

  @Test func aNarrowUmaskDoesNotNarrowTheFolders() throws {
    let old = ThisProcess.setUmask(0o077)
    defer { _ = ThisProcess.setUmask(old) }
    try SpoolDirectories.prepare(root, owner: nil)
    for wanted in SpoolDirectories.folders {
      let status = try Files.status(root + "/" + wanted.name)
      #expect(status.permissions & 0o777 == wanted.permissions)
    }
  }

  @Test(.enabled(if: Identity.uid == 0)) func theMailOwnerGetsWhatIsItsOwn() throws {
    try SpoolDirectories.prepare(root, owner: (uid: 12345, gid: 12346))
    for wanted in SpoolDirectories.folders {
      let status = try Files.status(root + "/" + wanted.name)
      #expect(status.uid == (wanted.ownedByMail ? 12345 : 0))
    }
    #expect(SpoolDirectories.check(root, owner: (uid: 12345, gid: 12346)).isEmpty)
    #expect(
      SpoolDirectories.check(root, owner: (uid: 54321, gid: 12346)).count
        == SpoolDirectories.folders.count { $0.ownedByMail })
  }

  @Test func aFolderThatOthersMayWriteIsReported() throws {
    try SpoolDirectories.prepare(root, owner: nil)
    try Files.setPermissions(root + "/segments", 0o770)
    let findings = SpoolDirectories.check(root, owner: nil).map(\.description)
    #expect(findings == ["\(root)/segments can be written by others: chmod go-w it"])
    #expect(throws: SpoolDirectories.Finding.self) {
      try SpoolDirectories.prepare(root, owner: nil)
    }
  }

  @Test func aFileInThePlaceOfAFolderIsReported() throws {
    try SpoolDirectories.prepare(root, owner: nil)
    try Files.removeDirectory(root + "/corrupt")
    try Data().write(to: URL(filePath: root + "/corrupt"))
    let findings = SpoolDirectories.check(root, owner: nil).map(\.description)
    #expect(findings == ["\(root)/corrupt is not a directory"])
  }

  @Test func missingFoldersAreNoFinding() throws {
    #expect(SpoolDirectories.check(root, owner: nil).isEmpty)
  }

  @Test func whereNothingCanBeMadeThePathIsNamed() throws {
    try folder.write("", to: "file")
    do {
      try SpoolDirectories.prepare(folder.path("file/spool"), owner: nil)
      Issue.record("a folder in a file")
    } catch {
      #expect("\(error)".contains("cannot create \(folder.path("file/spool"))"))
    }
  }
}

@Suite struct InstanceLockTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    try SpoolDirectories.prepare(folder.path, owner: nil)
  }

  @Test func onlyOneHasTheLockAndItsProcessIsNamed() throws {
    #expect(try InstanceLock.holder(folder.path) == nil)
    var lock = try InstanceLock.take(folder.path)
    #expect(lock != nil)
    #expect(try InstanceLock.take(folder.path) == nil)
    #expect(try InstanceLock.holder(folder.path) == ThisProcess.pid)
    // The failed attempt has not touched the file.
    #expect(
      try folder.read("pid/master.pid") == Array("\(ThisProcess.pid)\n".utf8))
    lock = nil
    #expect(try InstanceLock.holder(folder.path) == nil)
    lock = try InstanceLock.take(folder.path)
    #expect(lock != nil)
  }

  @Test func aLongerOldProcessIDLeavesNothingBehind() throws {
    try folder.write("123456789012345\nmore\n", to: "pid/master.pid")
    let lock = try InstanceLock.take(folder.path)
    #expect(try folder.read("pid/master.pid") == Array("\(ThisProcess.pid)\n".utf8))
    #expect(try InstanceLock.holder(folder.path) == ThisProcess.pid)
    _ = lock
  }

  @Test func aSpoolThatWasNeverStartedHasNoHolder() throws {
    let empty = try TemporaryDirectory()
    #expect(try InstanceLock.holder(empty.path) == nil)
  }
}
