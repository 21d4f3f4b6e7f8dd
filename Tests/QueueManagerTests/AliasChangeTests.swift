import AddressRewriting
import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit
import TestSupport
import Testing

@testable import QueueManager

/// Mail that waits for commands and files of an alias when that alias changes.
@Suite(.timeLimit(.minutes(1))) struct AliasChangeTests {
  init() { Reactor.startThread() }

  /// The place of the command at `index` of `count` in the file that the alias `file` includes.
  private nonisolated static func place(
    of command: String, _ index: UInt32, of count: UInt32
  ) -> AliasProgramPlace {
    let item = IncludedItems.Item(
      text: Array(command.utf8), owner: 0, path: Array("/people".utf8))
    return AliasProgramPlace(
      index: index, count: count, isInFile: true, isBare: false, checksum: item.checksum)
  }

  /// Has one message for the commands `a` and `b` of the alias, of which the second fails.
  @ReactorActor
  @discardableResult
  private func sendToBoth(
    _ scene: ForwardScene, nobodyWorks: Bool = false,
    _ delivered: @escaping @ReactorActor () -> Void
  ) async throws -> QueueID {
    let works = nobodyWorks ? 0 : Self.place(of: "|a", 0, of: 2).checksum
    scene.local.judge = { request in
      request.recipients.map { recipient in
        let isDone = recipient.program?.checksum == works
        if isDone { delivered() }
        return RecipientVerdict(
          index: recipient.index, outcome: isDone ? .sent : .deferred,
          status: isDone ? EnhancedStatus(2, 0, 0) : EnhancedStatus(4, 3, 0),
          text: Array("as told".utf8), relay: Array("local".utf8))
      }
    }
    try scene.rig.directory.write("|a\n|b\nc@far.test\n", to: "people")
    let id = try await scene.send(to: "file") { envelope in
      let model = envelope.recipients[0]
      envelope.recipients = [model, model, EnvelopeRecipient(MailAddress("c@far.test"))]
      envelope.recipients[0].kind = .program(Self.place(of: "|a", 0, of: 2))
      envelope.recipients[1].kind = .program(Self.place(of: "|b", 1, of: 2))
    }
    try await eventually("the second waits") {
      scene.rig.queue.scheduler.counts.deferred == 1 && scene.remote.requests.count == 1
    }
    return id
  }

  @Test @ReactorActor func mailFollowsAnAliasThatHasChanged() async throws {
    let scene = try await ForwardScene()
    var runs = 0
    try await sendToBoth(scene) { runs += 1 }
    // Another command in place of the one that fails, and one more address.
    try scene.rig.directory.write("|c\n|a\nc@far.test\nd@far.test\n", to: "people")
    scene.rig.queue.scheduler.flushAll()
    scene.rig.queue.plan()
    let second = Self.place(of: "|c", 0, of: 2)
    try await eventually("the new one waits alone") {
      scene.local.requests.last?.recipients.map(\.program) == [second]
        && scene.rig.queue.scheduler.counts.deferred == 1
        && scene.rig.queue.scheduler.messageCount == 1
    }
    // Once more: whoever has it, in whichever of the messages, gets it no second time.
    try scene.rig.directory.write("|a\n|e\nc@far.test\nd@far.test\n", to: "people")
    scene.local.judge = TestAgent.deliverAll
    try await scene.tryAgain()
    #expect(
      scene.local.requests.last?.recipients.map(\.program) == [Self.place(of: "|e", 1, of: 2)])
    #expect(runs == 1)
    #expect(
      scene.remote.requests.flatMap(\.recipients).map(\.address.description).sorted()
        == ["c@far.test", "d@far.test"])
  }

  @Test @ReactorActor func requeuedMailFollowsAnAliasThatHasChangedAtOnce() async throws {
    let scene = try await ForwardScene()
    var runs = 0
    let old = try await sendToBoth(scene) { runs += 1 }
    try scene.rig.directory.write("|c\n|a\nc@far.test\nd@far.test\n", to: "people")
    scene.local.judge = TestAgent.deliverAll
    #expect(scene.rig.queue.carryOut(.requeue, on: old).isDone)
    scene.rig.queue.plan()
    try await scene.isEmpty()
    #expect(runs == 1 && scene.local.requests.flatMap(\.recipients).count == 3)
    #expect(
      scene.local.requests.last?.recipients.map(\.program) == [Self.place(of: "|c", 0, of: 2)])
    #expect(
      scene.remote.requests.flatMap(\.recipients).map(\.address.description).sorted()
        == ["c@far.test", "d@far.test"])
  }

  /// None of those who wait has mail twice because it stands elsewhere.
  @Test @ReactorActor func requeuedMailRunsACommandThatHasMovedOnce() async throws {
    let scene = try await ForwardScene()
    let old = try await sendToBoth(scene, nobodyWorks: true) {}
    try scene.rig.directory.write("|c\n|a\nc@far.test\n", to: "people")
    scene.local.judge = TestAgent.deliverAll
    let before = scene.local.requests.count
    #expect(scene.rig.queue.carryOut(.requeue, on: old).isDone)
    scene.rig.queue.plan()
    try await scene.isEmpty()
    let programs = scene.local.requests[before...].flatMap(\.recipients).map(\.program?.checksum)
    #expect(
      Set(programs) == [
        Self.place(of: "|a", 0, of: 2).checksum, Self.place(of: "|c", 0, of: 2).checksum,
      ])
    #expect(programs.count == 2)
  }

  @Test @ReactorActor func aCommandThatIsNoLongerNamedEndsItsMail() async throws {
    let scene = try await ForwardScene()
    var runs = 0
    try await sendToBoth(scene) { runs += 1 }
    try scene.rig.directory.write("|a\nc@far.test\n", to: "people")
    try await scene.tryAgain()
    #expect(runs == 1 && scene.local.requests.flatMap(\.recipients).count == 2)
    #expect(scene.remote.requests.count == 1)
    #expect(
      try scene.rig.log.contains {
        $0.hasSuffix("status=sent (all for whom the alias stands by now have it)")
      })
  }

  /// The two messages that an alias with an owner becomes know of each other.
  @Test @ReactorActor func aListWhoseCommandHasChangedGoesToNobodyTwice() async throws {
    let scene = try await ForwardScene()
    scene.local.judge = { request in
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 3, 0), "not now")
    }
    try scene.rig.directory.write("|a\nc@far.test\n", to: "people")
    _ = try await scene.send(to: "announce")
    try await eventually("the command waits") {
      scene.rig.queue.scheduler.counts.deferred == 1
        && scene.rig.queue.scheduler.messageCount == 1
    }
    try scene.rig.directory.write("|b\nc@far.test\n", to: "people")
    scene.local.judge = TestAgent.deliverAll
    try await scene.tryAgain()
    #expect(
      scene.local.requests.last?.recipients.map(\.program) == [Self.place(of: "|b", 0, of: 1)])
    #expect(scene.local.requests.last?.sender == MailAddress("owner-announce@mx.test"))
    #expect(
      scene.remote.requests.flatMap(\.recipients).map(\.address) == [MailAddress("c@far.test")])
  }

  /// In one delivery, and where each recipient has one of its own.
  @Test(arguments: [1000, 1])
  @ReactorActor func whoCameByAnotherAddressHasMailOfItsOwn(_ recipientsMax: Int) async throws {
    let scene = try await ForwardScene { $0.scheduler.deliveryRecipientsMax = recipientsMax }
    let done = MailAddress("x@mx.test")
    scene.local.judge = { request in
      request.recipients.map {
        let isDone = $0.original == done.bytes && $0.program == Self.place(of: "|a", 0, of: 2)
        return RecipientVerdict(
          index: $0.index, outcome: isDone ? .sent : .deferred,
          status: isDone ? EnhancedStatus(2, 0, 0) : EnhancedStatus(4, 3, 0),
          text: Array("so".utf8), relay: Array("local".utf8))
      }
    }
    try scene.rig.directory.write("|a\n|b\n", to: "people")
    _ = try await scene.send(to: "file") { envelope in
      let model = envelope.recipients[0]
      envelope.recipients = ["x", "y"].flatMap { name in
        ["|a", "|b"].enumerated().map { place, command in
          var recipient = model
          recipient.original = MailAddress("\(name)@mx.test")
          recipient.kind = .program(Self.place(of: command, UInt32(place), of: 2))
          return recipient
        }
      }
    }
    try await eventually("three wait") { scene.rig.queue.scheduler.counts.deferred == 1 }
    let before = scene.local.requests.count
    try scene.rig.directory.write("|a\n|c\n", to: "people")
    scene.local.judge = TestAgent.deliverAll
    try await scene.tryAgain()
    let runs = scene.local.requests[before...].flatMap(\.recipients).map {
      "\($0.program?.index ?? 9) \(String(decoding: $0.original, as: UTF8.self))"
    }
    #expect(runs.sorted() == ["0 y@mx.test", "1 x@mx.test", "1 y@mx.test"])
  }

  @Test @ReactorActor func aRequeuedListWhoseCommandHasChangedGoesToNobodyTwice() async throws {
    let scene = try await ForwardScene()
    scene.local.judge = { request in
      let isOld = request.recipients.map(\.program) == [Self.place(of: "|a", 0, of: 1)]
      return isOld
        ? TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 3, 5), "has changed")
        : TestAgent.deliverAll(request)
    }
    try scene.rig.directory.write("|a\nc@far.test\n", to: "people")
    _ = try await scene.send(to: "announce")
    let waits = { @ReactorActor (requests: Int) in
      scene.rig.queue.scheduler.counts.deferred == 1
        && scene.rig.queue.scheduler.messageCount == 1 && scene.local.requests.count == requests
    }
    try await eventually("the command waits") { waits(1) }
    let old = try #require(scene.local.requests.first?.queueID)
    try scene.rig.directory.write("|b\nc@far.test\n", to: "people")
    #expect(scene.rig.queue.carryOut(.requeue, on: old).isDone)
    scene.rig.queue.plan()
    try await eventually("its successor waits") { waits(2) }
    try await scene.tryAgain()
    #expect(
      scene.local.requests.last?.recipients.map(\.program) == [Self.place(of: "|b", 0, of: 1)])
    #expect(
      scene.remote.requests.flatMap(\.recipients).map(\.address) == [MailAddress("c@far.test")])
  }

  /// What cannot be asked is for the agent to tell, and keeps nobody else from the message.
  @Test @ReactorActor func aFileThatCannotBeReadChangesNothing() async throws {
    let scene = try await ForwardScene()
    try await sendToBoth(scene) {}
    try Files.unlink(scene.rig.directory.path + "/people")
    scene.local.judge = TestAgent.deliverAll
    try await scene.tryAgain()
    #expect(
      scene.local.requests.last?.recipients.map(\.program) == [Self.place(of: "|b", 1, of: 2)])
  }
}
