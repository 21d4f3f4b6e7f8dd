import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage
import TestSupport
import Testing

@testable import Master

/// What `master` does so that results outlive agents, and agents their channels.
@Suite(.timeLimit(.minutes(1))) struct AgentSupportTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func anAgentsFileIsLockedAsLongAsSomebodyHasIt() async throws {
    let folder = try TemporaryDirectory()
    let owner: (uid: UInt32, gid: UInt32)? = Identity.isRoot ? (12_345, 12_346) : nil
    let files = ResultsFiles(
      folder: folder.path("."), owner: owner, helper: try HelperThread(name: "test"))
    let process = ProcessName(role: .smtp, index: 2)
    var file: SharedDescriptor? = try await files.make(for: process, pid: 4711)
    let text = try #require(try folder.names(in: ".").first)
    let name = try #require(ResultsFileName(text))
    #expect(name.process == process)
    #expect(name.pid == 4711)
    let status = try Files.status(folder.path(text))
    #expect(status.permissions == 0o600)
    #expect(status.uid == owner?.uid ?? Identity.uid)
    let other = try Files.open(folder.path(text), .read)
    #expect(try !Files.tryLock(other.raw))
    // The agent gets the description and `master` keeps nothing.
    var copy: OwnedDescriptor? = try #require(file).duplicate()
    file = nil
    #expect(try !Files.tryLock(other.raw))
    copy = nil
    #expect(try Files.tryLock(other.raw))
    _ = consume copy
  }

  @Test @ReactorActor func aChannelThatBreaksAgainAndAgainIsReplacedMoreAndMoreSlowly()
    async throws
  {
    let rejoining = Rejoining()
    let joined = Gate()
    var times: [MonotonicTime] = []
    var isAlive = true
    func ask(_ pid: Int32) {
      rejoining.plan(pid: pid, ceiling: .seconds(60)) {
        times.append(Reactor.shared.now)
        joined.pulse()
        return isAlive
      }
    }
    // The loop looks at the clock once in a turn.
    let begin = Reactor.shared.now
    // Both ends may ask: that is one channel.
    ask(1)
    ask(1)
    try await joined.wait(deadline: begin + .seconds(20)) { times.count < 1 }
    ask(1)
    try await joined.wait(deadline: begin + .seconds(20)) { times.count < 2 }
    #expect(times[0].since(begin) >= Rejoining.waitMin)
    #expect(times[1].since(times[0]) >= .milliseconds(990))
    // Another process has a count of its own, and one that is gone leaves none.
    isAlive = false
    ask(2)
    try await joined.wait(deadline: begin + .seconds(20)) { times.count < 3 }
    ask(2)
    try await joined.wait(deadline: begin + .seconds(20)) { times.count < 4 }
    #expect(times[3].since(times[2]) < .milliseconds(900))
  }
}
