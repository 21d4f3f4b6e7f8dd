import Glibc
import LinuxSystem
import Primitives
import SystemPackage
import TestSupport
import Testing

@testable import ServiceManager

@Suite(.serialized) struct ServiceManagerTests {
  @Test func withoutAManagerThereIsNothingToTakeAndNobodyToTell() throws {
    let manager = ServiceManager(environment: [:], pid: 7)
    #expect(!manager.isListening)
    #expect(manager.descriptorCount == 0 && manager.watchdogTime == nil)
    #expect(try manager.takeSockets().isEmpty)
    try manager.notify([.ready])
  }

  @Test(arguments: [
    ["LISTEN_PID": "8", "LISTEN_FDS": "2"], ["LISTEN_FDS": "2"],
    ["LISTEN_PID": "7", "LISTEN_FDS": "-1"], ["LISTEN_PID": "7", "LISTEN_FDS": "99999999"],
    ["LISTEN_PID": "7", "LISTEN_FDS": "two"], ["LISTEN_PID": "7"],
  ])
  func descriptorsOfAnotherProcessOrWithoutSenseAreLeftAlone(environment: [String: String]) {
    let manager = ServiceManager(environment: environment, pid: 7)
    #expect(manager.descriptorCount == 0 && manager.descriptorNames.isEmpty)
  }

  @Test func descriptorsHaveTheirNames() {
    var environment = ["LISTEN_PID": "7", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "smtp::submission"]
    #expect(
      ServiceManager(environment: environment, pid: 7).descriptorNames
        == ["smtp", "", "submission"])
    environment["LISTEN_FDNAMES"] = "smtp"
    #expect(
      ServiceManager(environment: environment, pid: 7).descriptorNames
        == ["unknown", "unknown", "unknown"])
  }

  @Test func theWatchdogIsForThisProcessAlone() {
    var environment = ["WATCHDOG_USEC": "30000000"]
    #expect(ServiceManager(environment: environment, pid: 7).watchdogTime == .seconds(30))
    environment["WATCHDOG_PID"] = "7"
    #expect(ServiceManager(environment: environment, pid: 7).watchdogTime == .seconds(30))
    environment["WATCHDOG_PID"] = "8"
    #expect(ServiceManager(environment: environment, pid: 7).watchdogTime == nil)
    #expect(ServiceManager(environment: ["WATCHDOG_USEC": "0"], pid: 7).watchdogTime == nil)
  }

  @Test(arguments: [false, true]) func theManagerHearsWhatItIsTold(isAbstract: Bool) throws {
    let folder = try TemporaryDirectory()
    let path = isAbstract ? "@martinet-test-\(ThisProcess.pid)" : folder.path("notify")
    let socket = try #require(DatagramSocket(path))
    let manager = ServiceManager(environment: ["NOTIFY_SOCKET": path], pid: 7)
    try manager.notify([.ready, .status("serves\nMAINPID=1")])
    #expect(socket.receive() == "READY=1\nSTATUS=serves MAINPID=1")
    try manager.notify([.watchdog])
    #expect(socket.receive() == "WATCHDOG=1")
    try manager.notify([.stopping, .mainProcess(12)])
    #expect(socket.receive() == "STOPPING=1\nMAINPID=12")
    let before = Clocks.monotonicNow().nanoseconds / 1000
    try manager.notify([.reloading])
    let lines = try #require(socket.receive()).split(separator: "\n")
    #expect(lines.first == "RELOADING=1" && lines.count == 2)
    let time = try #require(Int64(lines[1].dropFirst("MONOTONIC_USEC=".count)))
    #expect(time >= before && time <= Clocks.monotonicNow().nanoseconds / 1000)
  }

  @Test func aManagerThatHasGoneIsAnErrorThatNamesIt() throws {
    let folder = try TemporaryDirectory()
    let manager = ServiceManager(environment: ["NOTIFY_SOCKET": folder.path("gone")], pid: 7)
    #expect(throws: Errno.noSuchFileOrDirectory) { try manager.notify([.ready]) }
  }

  @Test func theEnvironmentIsTakenOutSoThatNoChildTakesItForItsOwn() {
    setenv("WATCHDOG_USEC", "5000000", 1)
    setenv("NOTIFY_SOCKET", "/nowhere", 1)
    let manager = ServiceManager.take()
    #expect(manager.watchdogTime == .seconds(5) && manager.isListening)
    #expect(getenv("WATCHDOG_USEC") == nil && getenv("NOTIFY_SOCKET") == nil)
  }

  @Test func socketsAreTakenOverWithTheirNamesAndAddresses() throws {
    let here = try ThisProcess.executable()
    let folder = here[..<(here.lastIndex(of: "/") ?? here.endIndex)]
    let loopback = IPAddress(v4: 0x7f00_0001)
    let first = try Sockets.listenTCP(loopback, port: 0, backlog: 1)
    let second = try Sockets.listenTCP(loopback, port: 0, backlog: 1)
    var pipe = try Files.pipe()
    let writing = pipe.takeWriting()
    let reading = pipe.takeReading()
    let child = try ChildProcess.spawn(
      "/bin/sh", arguments: ["-c", "cd '\(folder)'; LISTEN_PID=$$ exec ./ReactorProbe sockets"],
      environment: ["LISTEN_FDS=2", "LISTEN_FDNAMES=smtp:submission"],
      descriptors: [(writing.raw, 1), (first.raw, 3), (second.raw, 4)])
    writing.close()
    #expect(try child.wait() == .exited(0))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    defer { buffer.deallocate() }
    guard case .count(let count) = Files.readSome(reading.raw, into: buffer) else {
      Issue.record("the process said nothing")
      return
    }
    let addresses = try [first.raw, second.raw].map { try Sockets.localAddress($0) }
    #expect(
      String(decoding: buffer[..<count], as: UTF8.self)
        == "smtp \(addresses[0])\nsubmission \(addresses[1])\n")
  }
}
