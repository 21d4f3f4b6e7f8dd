import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Master

@Suite(.serialized) struct SpoolDirectoriesTests {
  @Test(.enabled(if: Identity.isRoot)) func masterAloneWritesWhereItActsAsRoot() throws {
    let folder = try TemporaryDirectory()
    let root = folder.path("spool")
    try SpoolDirectories.prepare(root, owner: (uid: 12_345, gid: 12_345))
    for name in ["", "/pid", "/sockets"] {
      let status = try Files.status(root + name)
      #expect(status.uid == 0, "\(name)")
      #expect(status.permissions & 0o022 == 0, "\(name)")
    }
    #expect(try Files.status(root + "/segments").uid == 12_345)
  }

  @Test func aFolderThatOthersCanWriteIsRefused() throws {
    let folder = try TemporaryDirectory()
    let root = try folder.makeDirectory("spool")
    try Files.setPermissions(try folder.makeDirectory("spool/pid"), 0o777)
    #expect(throws: SpoolDirectories.Finding.self) {
      try SpoolDirectories.prepare(root, owner: nil)
    }
  }

  @Test func theLockIsNotFollowedElsewhere() throws {
    let folder = try TemporaryDirectory()
    try folder.makeDirectory("pid")
    let victim = try folder.write("precious\n", to: "victim")
    try Files.symbolicLink(to: victim, as: folder.path("pid/master.pid"))
    #expect(throws: InstanceLock.Refusal.self) { try InstanceLock.take(folder.path) }
    #expect(try folder.read("victim") == Array("precious\n".utf8))
  }

  @Test func aStrictUmaskDoesNotKeepTheRolesOut() throws {
    let folder = try TemporaryDirectory()
    let before = ThisProcess.setUmask(0o077)
    defer { ThisProcess.setUmask(before) }
    try SpoolDirectories.prepare(folder.path("spool"), owner: nil)
    #expect(try Files.status(folder.path("spool")).permissions == 0o755)
    #expect(try Files.status(folder.path("spool/sockets")).permissions == 0o755)
    #expect(try Files.status(folder.path("spool/segments")).permissions == 0o700)
  }

  @Test func othersCannotOpenTheLockAndSoCannotTakeIt() throws {
    let folder = try TemporaryDirectory()
    try folder.makeDirectory("pid")
    _ = try folder.write("1\n", to: "pid/master.pid")
    let lock = try InstanceLock.take(folder.path)
    #expect(try Files.status(folder.path("pid/master.pid")).permissions == 0o600)
    #expect(try InstanceLock.holder(folder.path) == ThisProcess.pid)
    withExtendedLifetime(lock) {}
  }
}
