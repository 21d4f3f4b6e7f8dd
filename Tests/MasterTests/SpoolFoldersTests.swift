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

  @Test(
    arguments: [
      ("segments", 0o755, "can be read by others: chmod go-rwx it"),
      ("segments", 0o500, "cannot be written by its owner: chmod u+rwx it"),
      ("corrupt", 0o710, "can be read by others: chmod go-rwx it"),
      ("", 0o777, "can be written by others: chmod go-w it"),
      ("pid", 0o555, "cannot be written by its owner: chmod u+rwx it"),
    ] as [(String, UInt32, String)])
  func wrongPermissionsAreReported(name: String, permissions: UInt32, problem: String) throws {
    try SpoolDirectories.prepare(root, owner: nil)
    let path = name.isEmpty ? root : root + "/" + name
    try Files.setPermissions(path, permissions)
    #expect(SpoolDirectories.check(root, owner: nil).map(\.description) == ["\(path) \(problem)"])
  }

  @Test(.enabled(if: Identity.uid == 0), arguments: ["", "/pid", "/sockets"])
  func whatTheMailOwnerMustEnterIsReportedWhenItCannot(name: String) throws {
    let owner = (uid: UInt32(12345), gid: UInt32(12346))
    try SpoolDirectories.prepare(root, owner: owner)
    try Files.setPermissions(root + name, 0o700)
    #expect(
      SpoolDirectories.check(root, owner: owner).map(\.description)
        == ["\(root)\(name) cannot be entered by others: chmod go+x it"])
  }

  @Test(.enabled(if: Identity.uid == 0)) func aQueueDirectoryOfSomebodyElseIsReported() throws {
    try SpoolDirectories.prepare(root, owner: (uid: 12345, gid: 12346))
    try Files.setOwner(root, uid: 12345, gid: 12346)
    #expect(SpoolDirectories.check(root, owner: (uid: 12345, gid: 12346)).isEmpty)
    try Files.setOwner(root, uid: 777, gid: 12346)
    #expect(
      SpoolDirectories.check(root, owner: (uid: 12345, gid: 12346)).map(\.description)
        == ["\(root) belongs to user 777, not 0: chown 0 it"])
  }

  @Test func whereMasterActsAsRootItFollowsNoLink() throws {
    try SpoolDirectories.prepare(root, owner: nil)
    try Files.removeDirectory(root + "/sockets")
    try Files.symbolicLink(to: try folder.makeDirectory("elsewhere"), as: root + "/sockets")
    #expect(
      SpoolDirectories.check(root, owner: nil).map(\.description)
        == ["\(root)/sockets is not a directory"])
  }

  @Test func aFileInThePlaceOfTheQueueDirectoryIsReported() throws {
    try folder.write("", to: "spool")
    #expect(
      SpoolDirectories.check(root, owner: nil).map(\.description)
        == ["\(root) is not a directory"])
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
    var lock: InstanceLock? = try InstanceLock.take(folder.path)
    #expect(throws: InstanceLock.Refusal.running(root: folder.path, pid: ThisProcess.pid)) {
      try InstanceLock.take(folder.path)
    }
    #expect(try InstanceLock.holder(folder.path) == ThisProcess.pid)
    // The failed attempt has not touched the file.
    #expect(
      try folder.read("pid/master.pid") == Array("\(ThisProcess.pid)\n".utf8))
    #expect(lock != nil)
    lock = nil
    #expect(try InstanceLock.holder(folder.path) == nil)
    lock = try InstanceLock.take(folder.path)
    #expect(try InstanceLock.holder(folder.path) == ThisProcess.pid)
  }

  @Test func aPostfixThatRunsThereIsRespectedAndNamed() throws {
    // As Postfix's master does: padded, and locked as long as it lives.
    try folder.write("                            4711\n", to: "pid/master.pid")
    let postfix = try Files.open(folder.path("pid/master.pid"), [.read, .write])
    #expect(try Files.tryLock(postfix.raw))
    do throws(InstanceLock.Refusal) {
      _ = try InstanceLock.take(folder.path)
      Issue.record("both run on one queue directory")
    } catch {
      #expect(error == .postfix(root: folder.path, pid: 4711))
      #expect(
        error.description.hasPrefix(
          "a Postfix is running on queue_directory \(folder.path) as process 4711: end it first"))
    }
    #expect(try InstanceLock.holder(folder.path) == nil)
    #expect(String(decoding: try folder.read("pid/master.pid"), as: UTF8.self).contains(" 4711\n"))
  }

  @Test func aLongerOldProcessIDLeavesNothingBehind() throws {
    try folder.write("123456789012345\nmore\n", to: "pid/master.pid")
    try folder.write("123456789012345\nmore\n", to: "pid/martinet.pid")
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
