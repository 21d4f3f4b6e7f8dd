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

/// A queue with aliases, an agent for hosts and one for this one.
@ReactorActor
final class ForwardScene {
  private nonisolated static let aliases =
    "{ list = a@far.test, b@far.test, \"|command\" }, { owner-list = boss@far.test }, "
    + "{ file = :include:/people }, "
    + "{ announce = :include:/people }, { owner-announce = boss@far.test }, "
    + "{ ring = other }, { owner-ring = r@far.test }, "
    + "{ other = ring, c@far.test }, { owner-other = o@far.test }"

  let rig: Rig
  let remote: TestAgent
  let local: TestAgent
  let writer: TestWriter

  init(
    directory: TemporaryDirectory? = nil, settings: (inout QueueSettings) -> Void = { _ in }
  ) async throws {
    rig = try Rig(
      directory: directory, localAliases: Self.aliases, settings: settings,
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

  /// Tries again what waits, and waits until all is done.
  func tryAgain() async throws {
    rig.queue.scheduler.flushAll()
    rig.queue.plan()
    try await isEmpty()
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
