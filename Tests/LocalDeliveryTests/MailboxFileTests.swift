import Foundation
import LinuxSystem
import MailTypes
import Primitives
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import LocalDelivery

struct MailboxFileTests {
  private static let time = WallTime(microseconds: 1_700_000_000_000_000)

  private func message(_ body: String, _ file: SharedDescriptor) -> LocalMessage {
    let header = Int64("Subject: x\r\n\r\n".utf8.count)
    return LocalMessage(
      content: file.raw, header: 0..<header, body: header..<(header + Int64(body.utf8.count)),
      sender: MailAddress("a@b.test"), recipient: MailAddress("anna@here"),
      original: Array("anna@here".utf8), style: .mailbox)
  }

  /// As in Postfix: who can send mail writes no programs.
  @Test(arguments: [0o100, 0o010, 0o001])
  func nothingIsAppendedToAFileThatSomebodyRuns(bits: Int) throws {
    let folder = try TemporaryDirectory()
    let path = try folder.write("#!/bin/sh\n", to: "program")
    #expect(chmod(path, mode_t(0o600 | bits)) == 0)
    let verdict = try deliver(to: path, isMailbox: false)
    #expect(
      verdict == .failed(EnhancedStatus(5, 7, 1), "cannot update: file is executable"))
    #expect(try folder.read("program") == Array("#!/bin/sh\n".utf8))
    #expect(try folder.names() == ["program"])
    // A user's own mailbox is nobody's program.
    #expect(try deliver(to: path) == .deliveredToMailbox)
  }

  private func deliver(
    _ body: String = "From x\r\n..dot\r\n", to path: String, sizeMax: Int64 = 0,
    owner: UInt32? = nil, lock: MailboxLock = MailboxLock([.fcntl, .flock, .dotlock]),
    isMailbox: Bool = true
  ) throws -> LocalVerdict {
    let file = SharedDescriptor(
      try Files.sealedMemory("message", content: Array("Subject: x\r\n\r\n\(body)".utf8)))
    var settings = LocalAgent.Settings()
    settings.mailboxSizeMax = sizeMax
    let agent = LocalAgent(settings: settings, names: MaildirName(host: "host.test", pid: 7))
    return withExtendedLifetime(file) {
      agent.append(
        message(body, file),
        to: MailboxFile(path: path, lock: lock, owner: owner, isMailbox: isMailbox), at: Self.time,
        failure: "cannot update: ", isVirtual: false)
    }
  }

  @Test func messagesLieOneBehindTheOther() throws {
    let folder = try TemporaryDirectory()
    for _ in 0..<2 {
      #expect(try deliver(to: folder.path("anna")) == .deliveredToMailbox)
    }
    let text = String(decoding: try folder.read("anna"), as: UTF8.self)
    let messages = text.components(separatedBy: "\n\nFrom a@b.test  ")
    #expect(messages.count == 2)
    let wanted = """
      Return-Path: <a@b.test>
      X-Original-To: anna@here
      Delivered-To: anna@here
      Subject: x

      >From x
      .dot
      """
    for message in messages {
      let lines = message.split(separator: "\n", maxSplits: 1)
      #expect(lines[0].hasSuffix(" 2023"))
      #expect(lines[1].trimmingCharacters(in: .newlines) == wanted)
    }
    #expect(text.hasPrefix("From a@b.test  "))
    #expect(text.hasSuffix(".dot\n\n"))
    #expect(try folder.names() == ["anna"])
    let file = try FileManager.default.attributesOfItem(atPath: folder.path("anna"))
    #expect(file[.posixPermissions] as? Int == 0o600)
  }

  @Test(arguments: [
    ("From a\n\nunfinished", "\n\n"), ("From a\n\nno empty line\n", "\n"),
    ("From a\n\nwhole\n\n", ""), ("\n", "\n"), ("", ""),
  ])
  func aMessageBeginsBehindAnEmptyLine(before: String, missing: String) throws {
    let folder = try TemporaryDirectory()
    try folder.write(before, to: "anna")
    #expect(try deliver(to: folder.path("anna")) == .deliveredToMailbox)
    let text = String(decoding: try folder.read("anna"), as: UTF8.self)
    #expect(text.hasPrefix(before + missing + "From a@b.test  "))
  }

  @Test func aMailboxThatWouldGrowTooLargeStaysAsItIs() throws {
    let folder = try TemporaryDirectory()
    #expect(try deliver(to: folder.path("anna"), sizeMax: 200) == .deliveredToMailbox)
    let before = try folder.read("anna")
    let verdict = try deliver(to: folder.path("anna"), sizeMax: 200)
    #expect(
      verdict
        == .failed(
          EnhancedStatus(5, 2, 2), "cannot update: error writing message: File too large"))
    #expect(try folder.read("anna") == before)
    #expect(try folder.names() == ["anna"])
  }

  @Test func anAliasMayNameADevice() throws {
    #expect(try deliver(to: "/dev/null", isMailbox: false) == .deliveredToMailbox)
    #expect(!FileManager.default.fileExists(atPath: "/dev/null.lock"))
    let full = try deliver(to: "/dev/full", isMailbox: false)
    #expect(
      full
        == .failed(
          EnhancedStatus(4, 3, 0),
          "cannot update: error writing message: No space left on device"))
    // A user's mailbox is none.
    #expect(try deliver(to: "/dev/null", lock: MailboxLock(.fcntl)).outcome == .deferred)
    let folder = try TemporaryDirectory()
    #expect(mkfifo(folder.path("fifo"), 0o600) == 0)
    #expect(
      try deliver(to: folder.path("fifo"), isMailbox: false)
        == .failed(EnhancedStatus(4, 2, 0), "cannot update: destination is not a regular file"))
  }

  @Test func aFileOfAnAliasNeedsNoLockFile() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path(String(repeating: "n", count: 253))
    // The name of the lock file would be too long.
    #expect(try deliver(to: path, isMailbox: false) == .deliveredToMailbox)
    #expect(try deliver(to: path).outcome == .bounced)
    try folder.write("", to: "locked.lock")
    var lock = MailboxLock(.dotlock)
    lock.attempts = 2
    lock.pause = 1
    #expect(
      try deliver(to: folder.path("locked"), lock: lock, isMailbox: false).outcome == .deferred)
  }

  @Test func aLockFileOfAnotherIsRespectedAndAStaleOneRemoved() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path("anna")
    try folder.write("", to: "anna.lock")
    var lock = MailboxLock(.dotlock)
    lock.attempts = 2
    lock.pause = 1
    #expect(
      try deliver(to: path, lock: lock)
        == .failed(
          EnhancedStatus(4, 2, 0),
          "cannot update: unable to create lock file \(path).lock: File exists"))
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -600)], ofItemAtPath: path + ".lock")
    #expect(try deliver(to: path, lock: lock) == .deliveredToMailbox)
    #expect(try folder.names() == ["anna"])
  }

  private final class Holders: Sendable {
    let count = Atomic(0)
  }

  @Test func onlyOneOfThoseWhoFindALockFileStaleGetsTheLock() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path("anna")
    var lock = MailboxLock(.dotlock)
    lock.attempts = 3
    lock.pause = 0
    let taker = lock
    for _ in 0..<100 {
      try folder.write("", to: "anna.lock")
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -600)], ofItemAtPath: path + ".lock")
      let holders = Holders()
      let take: @Sendable () -> Void = {
        if (try? taker.takeFile(of: path)) != nil { holders.count.add(1, ordering: .relaxed) }
      }
      let one = try SystemThread(name: "one", take)
      let two = try SystemThread(name: "two", take)
      take()
      one.join()
      two.join()
      #expect(holders.count.load(ordering: .relaxed) == 1)
      #expect(try folder.names() == ["anna.lock"])
    }
  }

  @Test func anOpenLockOfAnotherIsRespected() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path("anna")
    let other = try Files.open(path, [.read, .write, .create])
    #expect(try Files.tryLock(other.raw))
    var lock = MailboxLock(.flock)
    lock.attempts = 2
    lock.pause = 1
    let verdict = try deliver(to: path, lock: lock)
    #expect(verdict.outcome == .deferred)
    #expect(verdict.status == EnhancedStatus(4, 2, 0))
    #expect(verdict.text.hasPrefix("cannot update: unable to lock for exclusive access: "))
    try Files.unlock(other.raw)
    #expect(try deliver(to: path, lock: lock) == .deliveredToMailbox)
  }

  @Test(arguments: [true, false])
  func mailForWhichNobodyWaitsIsLeftToTheNextAttempt(isLocked: Bool) throws {
    let folder = try TemporaryDirectory()
    if isLocked { try folder.write("", to: "anna.lock") }
    var pair = try Sockets.packetPair()
    let own = SharedDescriptor(pair.takeFirst())
    var lock = MailboxLock([.fcntl, .dotlock])
    lock.waiter = own.raw
    lock.pause = 600_000
    if !isLocked { #expect(try deliver(to: folder.path("anna"), lock: lock).outcome == .sent) }
    let before = isLocked ? [] : try folder.read("anna")
    pair.takeSecond().close()
    #expect(
      try deliver(to: folder.path("anna"), lock: lock)
        == .failed(
          EnhancedStatus(4, 2, 0), "cannot update: nobody waits for the delivery any more"))
    if !isLocked { #expect(try folder.read("anna") == before) }
    #expect(try folder.names() == [isLocked ? "anna.lock" : "anna"])
    withExtendedLifetime(own) {}
  }

  @Test func nothingIsWrittenThroughLinksOrIntoFilesOfOthers() throws {
    let folder = try TemporaryDirectory()
    try folder.write("x", to: "target")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("symbolic"), withDestinationPath: folder.path("target"))
    #expect(try deliver(to: folder.path("symbolic")).outcome == .bounced)
    try FileManager.default.linkItem(
      atPath: folder.path("target"), toPath: folder.path("hard"))
    #expect(
      try deliver(to: folder.path("hard"))
        == .failed(EnhancedStatus(4, 2, 0), "cannot update: file has 2 links"))
    try folder.write("x", to: "other")
    #expect(
      try deliver(to: folder.path("other"), owner: Identity.uid + 1)
        == .failed(
          EnhancedStatus(4, 2, 0),
          "cannot update: destination \(folder.path("other")) is not owned by recipient"))
    #expect(try deliver(to: folder.path("other"), owner: Identity.uid) == .deliveredToMailbox)
    #expect(try folder.read("target") == [120])
  }
}
