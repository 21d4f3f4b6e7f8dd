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

  /// The place of an alias's only command.
  private nonisolated static func place(of command: String) -> AliasProgramPlace {
    let item = IncludedItems.Item(text: Array(command.utf8), owner: 0)
    return AliasProgramPlace(
      index: 0, count: 1, isInFile: false, isBare: false, checksum: item.checksum)
  }

  @Test @ReactorActor func mailOfAListComesFromItsOwner() async throws {
    let scene = try await ForwardScene()
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
    let scene = try await ForwardScene()
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
    let scene = try await ForwardScene()
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
    let scene = try await ForwardScene()
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
    let scene = try await ForwardScene()
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
}
