import Glibc
import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage
import TestSupport
import Testing

@testable import Master

@Suite struct LogTargetTests {
  init() { Reactor.startThread() }

  private func flags(_ descriptor: Int32) -> Int32 { fcntl(descriptor, F_GETFL) }

  @Test @ReactorActor func aPipeIsOpenedAnewSoThatNobodyElseIsMadeNonBlocking() throws {
    var pipe = try Files.pipe()
    let reading = pipe.takeReading()
    let theirs = pipe.takeWriting()
    let target = try LogTarget.shared(theirs.raw, remark: nil)
    #expect(flags(theirs.raw) & O_NONBLOCK == 0)
    #expect(flags(target.descriptor.raw) & O_NONBLOCK != 0)
    #expect(target.kind == .lines && target.relay == nil)
    reading.close()
  }

  @Test @ReactorActor func aSocketIsLeftAsItIs() throws {
    var pair = try Sockets.streamPair()
    let theirs = pair.takeFirst()
    try #require(fcntl(theirs.raw, F_SETFL, 0) == 0)
    let target = try LogTarget.shared(theirs.raw, remark: nil)
    #expect(flags(theirs.raw) & O_NONBLOCK == 0)
    #expect(target.relay == nil)
  }

  @Test @ReactorActor func whatCannotBeOpenedAnewIsRelayed() async throws {
    var pipe = try Files.pipe()
    let reading = pipe.takeReading()
    let theirs = pipe.takeWriting()
    let target = try LogTarget.relayed(theirs.raw, remark: nil)
    #expect(flags(theirs.raw) & O_NONBLOCK == 0)
    #expect(flags(target.descriptor.raw) & O_NONBLOCK != 0)
    #expect([1, 2].withUnsafeBytes { Files.writeSome(target.descriptor.raw, $0) } == .count(16))
    await target.relay?.finish(deadline: Reactor.shared.now + .seconds(20))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
    defer { buffer.deallocate() }
    #expect(Files.readSome(reading.raw, into: buffer) == .count(16))
  }

  @Test @ReactorActor func withoutAFileTheSystemLoggerIsAskedAndElseStandardErrorTakesIt() throws {
    let folder = try TemporaryDirectory()
    let target = try LogTarget.open(
      file: "", permissions: 0o644, systemLogger: folder.path("nobody"))
    #expect(target.kind == .lines)
    #expect(target.remark?.contains("no system logger at \(folder.path("nobody"))") == true)
  }

  @Test @ReactorActor func aFileIsMadeWithThePermissionsAsked() throws {
    let folder = try TemporaryDirectory()
    let before = ThisProcess.setUmask(0o022)
    defer { ThisProcess.setUmask(before) }
    let target = try LogTarget.open(file: folder.path("log"), permissions: 0o640)
    #expect(target.kind == .lines && target.remark == nil)
    #expect(try Files.status(folder.path("log")).permissions == 0o640)
  }
}
