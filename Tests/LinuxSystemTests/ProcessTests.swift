import Glibc
import LinuxSystem
import Primitives
import SystemPackage
import Testing

@Suite struct ProcessTests {
  /// Runs a shell command and gives its output and end.
  func shell(
    _ command: String, environment: [String] = [], passing: [(parent: Int32, child: Int32)] = [],
    diesWithThread: Bool = false
  ) throws -> (String, LinuxSystem.ExitStatus) {
    var pipe = try Files.pipe()
    let writing = pipe.takeWriting()
    let reading = pipe.takeReading()
    let child = try ChildProcess.spawn(
      "/bin/sh", arguments: ["-c", command], environment: environment,
      descriptors: [(writing.raw, 1)] + passing, diesWithThread: diesWithThread)
    writing.close()
    var output: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    defer { buffer.deallocate() }
    while case .count(let count) = Files.readSome(reading.raw, into: buffer) {
      output.append(contentsOf: buffer[..<count])
    }
    return (String(decoding: output, as: UTF8.self), try child.wait())
  }

  @Test(arguments: [false, true])
  func aChildGetsItsWordsAndOnlyItsDescriptors(diesWithThread: Bool) throws {
    let unwanted = try Files.open("/", [.read, .directory])
    try Sockets.setInheritable(unwanted.raw, true)
    let wanted = try Files.sealedMemory("wanted", content: Array("passed on".utf8))
    let (output, status) = try shell(
      "echo $NAME; cat <&5; echo; ls /proc/self/fd | tr '\\n' ' '; exit 7",
      environment: ["NAME=value", "PATH=/usr/bin:/bin"], passing: [(wanted.raw, 5)],
      diesWithThread: diesWithThread)
    #expect(status == .exited(7))
    let lines = output.split(separator: "\n")
    #expect(lines.prefix(2) == ["value", "passed on"])
    // 3 or 4 is the directory that `ls` reads.
    let numbers = Set(lines[2].split(separator: " "))
    #expect(numbers.isSuperset(of: ["0", "1", "2", "5"]))
    #expect(numbers.count == 5)
    unwanted.close()
  }

  @Test func numbersBeyondTheLimitAreRefused() throws {
    let file = try Files.sealedMemory("a", content: [])
    #expect(throws: Errno.invalidArgument) {
      _ = try ChildProcess.spawn("/bin/true", arguments: [], descriptors: [(file.raw, 256)])
    }
  }

  @Test(arguments: [false, true])
  func blockedSignalsAreNotInherited(diesWithThread: Bool) throws {
    var blocked = sigset_t()
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGTERM)
    var before = sigset_t()
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let (_, status) = try shell("kill -TERM $$; exit 0", diesWithThread: diesWithThread)
    #expect(status == .signalled(SIGTERM))
  }

  @Test func aSignalEndsAChildAndItsDescriptorTells() throws {
    let child = try ChildProcess.spawn("/bin/cat", arguments: ["/dev/zero"], descriptors: [(1, 2)])
    _ = try child.signal(SIGKILL)
    var poll = pollfd(fd: child.exitDescriptor.raw, events: Int16(POLLIN), revents: 0)
    #expect(Glibc.poll(&poll, 1, 10_000) == 1)
    #expect(try child.reap() == .signalled(SIGKILL))
    #expect(try child.signal(SIGKILL) == false)
  }

  @Test(arguments: [true, false])
  func aProgramThatIsNotThereIsReported(diesWithThread: Bool) {
    #expect(throws: Errno.noSuchFileOrDirectory) {
      _ = try ChildProcess.spawn(
        "/nonexistent", arguments: [], diesWithThread: diesWithThread)
    }
  }

  @Test func aChildMayDieWithTheThreadThatStartedIt() throws {
    for diesWithThread in [true, false] {
      nonisolated(unsafe) var child: ChildProcess?
      let thread = try SystemThread(name: "parent") {
        child = try? ChildProcess.spawn(
          "/bin/sleep", arguments: ["1000"], diesWithThread: diesWithThread)
      }
      thread.join()
      let taken = child.take()
      guard let started = taken else {
        Issue.record("no child was started")
        return
      }
      if !diesWithThread {
        #expect(try started.reap() == nil)
        _ = try started.signal(SIGTERM)
      }
      #expect(try started.wait() == .signalled(diesWithThread ? SIGKILL : SIGTERM))
    }
  }

  @Test func aGroupIsKilledWhenItsLeaderHasEnded() throws {
    var pipe = try Files.pipe()
    let writing = pipe.takeWriting()
    let reading = pipe.takeReading()
    let child = try ChildProcess.spawn(
      "/usr/bin/setsid", arguments: ["/bin/sh", "-c", "sleep 1000 & exit 3"],
      descriptors: [(writing.raw, 1)])
    writing.close()
    var poll = pollfd(fd: child.exitDescriptor.raw, events: Int16(POLLIN), revents: 0)
    #expect(Glibc.poll(&poll, 1, 10_000) == 1)
    try child.killGroup()
    // What the leader left behind held the pipe open.
    poll = pollfd(fd: reading.raw, events: 0, revents: 0)
    #expect(Glibc.poll(&poll, 1, 10_000) == 1)
    #expect(try child.wait() == .exited(3))
    let other = try ChildProcess.spawn("/bin/sleep", arguments: ["1000"])
    try other.killGroup()
    #expect(try other.reap() == nil)
    other.endAtOnce()
  }

  @Test func accountsAreFound() throws {
    let root = try #require(try Identity.account(named: "root"))
    #expect(root.uid == 0 && root.home == "/root")
    #expect(try Identity.account(uid: 0) == root)
    #expect(try Identity.account(named: "no-such-account-here") == nil)
    #expect(try Identity.group(named: "root") == 0)
    #expect(try Identity.group(named: "no-such-group-here") == nil)
  }

  @Test func theProcessKnowsItself() throws {
    #expect(try ThisProcess.executable().hasPrefix("/"))
    #expect(ThisProcess.pid == getpid())
    #expect(try !ThisProcess.hostName().isEmpty)
    #expect(try ThisProcess.processorCount() >= 1)
    #expect(try ThisProcess.raiseDescriptorLimit() >= 256)
    #expect(try ThisProcess.threadCount() >= 1)
    let first = try ThisProcess.randomBits()
    let second = try ThisProcess.randomBits()
    #expect(first.high != second.high && first.low != second.low)
  }

  @Test func aThreadRunsAndIsJoined() throws {
    let latch = Latch()
    nonisolated(unsafe) var done = false
    let thread = try SystemThread(name: "a-name-that-is-too-long") {
      latch.withLock { done = true }
    }
    thread.join()
    #expect(latch.withLock { done })
  }
}
