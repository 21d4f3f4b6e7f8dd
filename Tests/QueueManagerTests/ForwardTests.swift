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

/// Mail for aliases that become new mail when they are delivered.
@Suite(.timeLimit(.minutes(1))) struct ForwardTests {
  init() { Reactor.startThread() }

  private static let aliases =
    "{ list = a@far.test, b@far.test, \"|command\" }, { owner-list = boss@far.test }, "
    + "{ file = :include:/people }, "
    + "{ announce = :include:/people }, { owner-announce = boss@far.test }, "
    + "{ ring = other }, { owner-ring = r@far.test }, "
    + "{ other = ring, c@far.test }, { owner-other = o@far.test }"

  @ReactorActor
  private final class Scene {
    let rig: Rig
    let remote: TestAgent
    let local: TestAgent
    let writer: TestWriter

    init(directory: TemporaryDirectory? = nil) async throws {
      rig = try Rig(
        directory: directory, localAliases: ForwardTests.aliases,
        routes: { $0 == "mx.test" ? "local:" : nil })
      try await rig.peers.start()
      writer = try TestWriter(rig)
      remote = try TestAgent(rig)
      local = try TestAgent(rig, role: .local)
      rig.peers.channelsComplete()
    }

    func send(
      to alias: String, _ change: (inout Envelope) -> Void = { _ in }
    ) async throws -> QueueID {
      var recipient = EnvelopeRecipient(MailAddress("\(alias)@mx.test"))
      recipient.kind = .alias
      var envelope = Envelope(
        sender: MailAddress("a@example.org"), recipients: [recipient], arrival: Clocks.wallNow())
      change(&envelope)
      return try await writer.send(envelope, body: "hello\r\n..dot\r\n", flags: [.scanForDots])
    }

    func isEmpty() async throws {
      try await eventually("all is done") {
        self.rig.queue.scheduler.messageCount == 0
          && self.remote.requests.count + self.local.requests.count > 0
      }
    }

    func text(of id: QueueID) throws -> String {
      let spool = try SpoolInspection(try LinuxDisk(path: rig.directory.path))
      var text: [UInt8] = []
      try spool.readContent(of: try spool.message(id), lineEnd: .lf) { text += $0 }
      return String(decoding: text, as: UTF8.self)
    }
  }

  /// The place of an alias's only command.
  private nonisolated static func place(of command: String) -> AliasProgramPlace {
    let item = IncludedItems.Item(text: Array(command.utf8), owner: 0)
    return AliasProgramPlace(
      index: 0, count: 1, isInFile: false, isBare: false, checksum: item.checksum)
  }

  @Test @ReactorActor func mailOfAListComesFromItsOwner() async throws {
    let scene = try await Scene()
    let old = try await scene.send(to: "list") { envelope in
      envelope.envelopeID = Array("ID".utf8)
      envelope.returnContent = .full
      envelope.recipients[0].original = MailAddress("all@mx.test")
      envelope.recipients[0].notify = [.success, .failure]
      envelope.recipients[0].dsnOriginal = Array("rfc822;all@mx.test".utf8)
    }
    try await eventually("all are asked for") {
      scene.remote.requests.count >= 1 && scene.local.requests.count == 1
        && scene.remote.requests.flatMap(\.recipients).count == 3
    }
    try await scene.isEmpty()
    let requests = scene.remote.requests.filter { !$0.sender.isNull } + scene.local.requests
    let new = try #require(requests.first?.queueID)
    let own = try #require(scene.local.requests.first?.queueID)
    #expect(Set([old, new, own]).count == 3)
    for request in requests {
      #expect(request.sender == MailAddress("owner-list@mx.test"))
      #expect(request.envelopeID.isEmpty && request.returnContent == nil)
      for recipient in request.recipients {
        #expect(recipient.notify == .failure && recipient.original.isEmpty)
        #expect(recipient.dsnOriginal.isEmpty)
      }
    }
    let command = try #require(scene.local.requests.first?.recipients.first)
    #expect(command.address == MailAddress("list@mx.test"))
    #expect(command.program == Self.place(of: "|command"))
    // Who sent it hears that the list has it.
    let reports = scene.remote.requests.filter(\.sender.isNull)
    #expect(reports.flatMap(\.recipients).map(\.address) == [MailAddress("a@example.org")])
    let log = try scene.rig.log
    #expect(
      log.contains {
        $0.contains("local[")
          && $0.contains("\(old): to=<list@mx.test>, orig_to=<all@mx.test>, relay=local, ")
          && $0.hasSuffix("dsn=2.0.0, status=sent (forwarded as \(own), \(new))")
      })
    // The agent would take the field of its own address for a loop.
    #expect(!(try scene.text(of: own)).contains("Delivered-To:"))
    let text = try scene.text(of: new)
    #expect(text.hasPrefix("Received: by mx.test (Martinet, from userid "))
    #expect(text.contains("\nDelivered-To: list@mx.test\nFrom: <a@example.org>\nSubject: test\n\n"))
    #expect(text.hasSuffix("\nhello\n.dot\n"))
  }

  @Test @ReactorActor func anAliasWaitsForTheFileThatItIncludes() async throws {
    let scene = try await Scene()
    let old = try await scene.send(to: "file") { envelope in
      envelope.recipients[0].notify = .success
    }
    try await eventually("it waits") { scene.rig.queue.scheduler.counts.deferred == 1 }
    #expect(
      try scene.rig.log.contains {
        $0.contains("\(old): to=<file@mx.test>, relay=local, ")
          && $0.hasSuffix(
            "dsn=4.3.0, status=deferred "
              + "(alias_maps map lookup problem for file@mx.test)")
      })
    try scene.rig.directory.write("x@far.test, y@far.test\n", to: "people")
    scene.rig.queue.scheduler.flushAll()
    scene.rig.queue.plan()
    // The report of success may be there already.
    try await eventually("both get it") {
      scene.remote.requests.filter { !$0.sender.isNull }.flatMap(\.recipients).count == 2
    }
    try await scene.isEmpty()
    for request in scene.remote.requests where !request.sender.isNull {
      #expect(request.sender == MailAddress("a@example.org"))
      for recipient in request.recipients {
        #expect(recipient.original == Array("file@mx.test".utf8))
        #expect(recipient.notify == .success)
      }
    }
    // Whoever has the wish tells of the success.
    #expect(!(try scene.rig.log).contains { $0.contains("\(old): sender delivery status") })
  }

  /// Two lists that name each other, each with an owner.
  @Test @ReactorActor func mailThatComesBackToItsListIsReturned() async throws {
    let scene = try await Scene()
    _ = try await scene.send(to: "ring")
    try await eventually("it is returned to an owner") {
      try scene.rig.log.contains {
        $0.contains("to=<ring@mx.test>, ")
          && $0.hasSuffix("dsn=5.4.6, status=bounced (mail forwarding loop for ring@mx.test)")
      }
    }
    try await scene.isEmpty()
    let addresses = scene.remote.requests.flatMap(\.recipients).map(\.address.description)
    #expect(addresses.filter { $0 == "c@far.test" }.count == 1)
  }

  @Test @ReactorActor func aLargeMessageIsForwardedToo() async throws {
    let scene = try await Scene()
    // While it is under way its segment stays.
    scene.remote.judge = { _ in nil }
    var recipient = EnvelopeRecipient(MailAddress("list@mx.test"))
    recipient.kind = .alias
    let line = String(repeating: "0123456789abcdef", count: 4)
    let body = String(repeating: line + "\r\n", count: 40_000)
    _ = try await scene.writer.send(
      Envelope(
        sender: MailAddress("a@example.org"), recipients: [recipient], arrival: Clocks.wallNow()),
      body: body)
    try await eventually("all are asked for") {
      scene.remote.requests.flatMap(\.recipients).count == 2
    }
    let new = try #require(scene.remote.requests.first?.queueID)
    let text = try scene.text(of: new)
    #expect(text.hasSuffix("\n\n" + body.replacing("\r\n", with: "\n")))
  }

  @Test @ReactorActor func requeuedMailKeepsItsCommands() async throws {
    let scene = try await Scene()
    scene.local.judge = { request in
      TestAgent.verdicts(on: request, .deferred, EnhancedStatus(4, 3, 0), "not now")
    }
    let place = Self.place(of: "|command")
    let old = try await scene.send(to: "list") { $0.recipients[0].kind = .program(place) }
    try await eventually("it waits") { scene.rig.queue.scheduler.counts.deferred == 1 }
    scene.local.judge = TestAgent.deliverAll
    #expect(scene.rig.queue.carryOut(.requeue, on: old).isDone)
    scene.rig.queue.plan()
    try await scene.isEmpty()
    let last = try #require(scene.local.requests.last)
    #expect(last.queueID != old && last.recipients.map(\.program) == [place])
    #expect(scene.remote.requests.isEmpty)
  }

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
    _ scene: Scene, nobodyWorks: Bool = false, _ delivered: @escaping @ReactorActor () -> Void
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
    let scene = try await Scene()
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
    scene.rig.queue.scheduler.flushAll()
    scene.rig.queue.plan()
    try await scene.isEmpty()
    #expect(
      scene.local.requests.last?.recipients.map(\.program) == [Self.place(of: "|e", 1, of: 2)])
    #expect(runs == 1)
    #expect(
      scene.remote.requests.flatMap(\.recipients).map(\.address.description).sorted()
        == ["c@far.test", "d@far.test"])
  }

  @Test @ReactorActor func requeuedMailFollowsAnAliasThatHasChangedAtOnce() async throws {
    let scene = try await Scene()
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
    let scene = try await Scene()
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
    let scene = try await Scene()
    var runs = 0
    try await sendToBoth(scene) { runs += 1 }
    try scene.rig.directory.write("|a\nc@far.test\n", to: "people")
    scene.rig.queue.scheduler.flushAll()
    scene.rig.queue.plan()
    try await scene.isEmpty()
    #expect(runs == 1 && scene.local.requests.flatMap(\.recipients).count == 2)
    #expect(scene.remote.requests.count == 1)
    #expect(
      try scene.rig.log.contains {
        $0.hasSuffix("status=sent (all for whom the alias stands by now have it)")
      })
  }

  /// The two messages that an alias with an owner becomes know of each other.
  @Test @ReactorActor func aListWhoseCommandHasChangedGoesToNobodyTwice() async throws {
    let scene = try await Scene()
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
    scene.rig.queue.scheduler.flushAll()
    scene.rig.queue.plan()
    try await scene.isEmpty()
    #expect(
      scene.local.requests.last?.recipients.map(\.program) == [Self.place(of: "|b", 0, of: 1)])
    #expect(scene.local.requests.last?.sender == MailAddress("owner-announce@mx.test"))
    #expect(
      scene.remote.requests.flatMap(\.recipients).map(\.address) == [MailAddress("c@far.test")])
  }

  @Test @ReactorActor func aRequeuedListWhoseCommandHasChangedGoesToNobodyTwice() async throws {
    let scene = try await Scene()
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
    scene.rig.queue.scheduler.flushAll()
    scene.rig.queue.plan()
    try await scene.isEmpty()
    #expect(
      scene.local.requests.last?.recipients.map(\.program) == [Self.place(of: "|b", 0, of: 1)])
    #expect(
      scene.remote.requests.flatMap(\.recipients).map(\.address) == [MailAddress("c@far.test")])
  }

  /// What cannot be asked is for the agent to tell, and keeps nobody else from the message.
  @Test @ReactorActor func aFileThatCannotBeReadChangesNothing() async throws {
    let scene = try await Scene()
    try await sendToBoth(scene) {}
    try Files.unlink(scene.rig.directory.path + "/people")
    scene.local.judge = TestAgent.deliverAll
    scene.rig.queue.scheduler.flushAll()
    scene.rig.queue.plan()
    try await scene.isEmpty()
    #expect(
      scene.local.requests.last?.recipients.map(\.program) == [Self.place(of: "|b", 1, of: 2)])
  }
}
