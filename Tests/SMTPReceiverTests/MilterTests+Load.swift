import LinuxSystem
import MailSite
import MailTypes
import MilterCore
import Primitives
import QueueFormat
import Reactor
import ServiceKit
import Streams
import SystemPackage
import TestSupport
import Testing

@testable import SMTPReceiver

/// Counts the turns of the loop in which others may run.
@ReactorActor
private final class TurnCounter {
  private(set) var turns = 0
  private var isOver = false

  func begin() {
    reactorTask {
      while !self.isOver {
        self.turns += 1
        await Reactor.shared.yieldTurn()
      }
    }
  }

  func end() -> Int {
    isOver = true
    return turns
  }
}

/// What other sessions notice of a milter that has much to do or to say.
extension MilterTests {
  @ReactorActor
  private static func change(_ number: Int, _ name: String, _ value: String = "") -> [UInt8] {
    let index = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    return TestMilter.packet([UInt8(ascii: "m")] + index + Array("\(name)\0\(value)\0".utf8))
  }

  /// Milters remove forged fields from the last to the first.
  @Test @ReactorActor func manyChangesLetOthersHaveTheirTurn() async throws {
    let count = 2000
    let changes = (1...count).reversed().flatMap { Self.change($0, "authentication-results") }
    let milter = try TestMilter(["E": [.send(changes), .say("c")]], steps: 0x80)
    let fixture = try fixture([milter])
    let header = String(repeating: "Authentication-Results: x\r\n", count: count)
    let counter = TurnCounter()
    reactorTask {
      try? await milter.wait(for: "E")
      counter.begin()
    }
    let content = "Subject: x\r\n\(header)\r\nhi\r\n"
    #expect(try await send(fixture, content: content)[5].hasPrefix("250 2.0.0 Ok"))
    // It takes 64 packets at a time.
    #expect(counter.end() >= count / 64)
    #expect(text(try #require(fixture.spool.messages.first)) == "Subject: x|hi")
    milter.stop()
  }

  @Test @ReactorActor func aMilterThatChangesWithoutAnEndIsAtFault() async throws {
    let edits = Array(repeating: TestMilter.Answer.say("hX\0y\0"), count: 4)
    let body = Array(repeating: TestMilter.Answer.say("bz\r\n"), count: 10)
    for (limit, reply) in [(4, "250 2.0.0 Ok"), (3, "451 4.7.1 Service unavailable")] {
      let milter = try TestMilter(["E": body + edits + [.say("c")]])
      let fixture = try fixture([milter], "milter_edit_limit = \(limit)")
      #expect(try await send(fixture).last?.hasPrefix(reply) == true)
      let line = "more than 3 changes of one message (milter_edit_limit)"
      #expect(try fixture.logLines().contains { $0.contains(line) } == (limit == 3))
      milter.stop()
    }
  }

  @Test @ReactorActor func aLargeBodyLetsOthersHaveTheirTurn() async throws {
    // It answers no part of it.
    let milter = try TestMilter(steps: 0x8_0000)
    let fixture = try fixture([milter])
    let line = String(repeating: "x", count: 98) + "\r\n"
    let counter = TurnCounter()
    reactorTask {
      try? await milter.wait(for: "N")
      counter.begin()
      try? await milter.wait(for: "E")
      _ = counter.end()
    }
    let content = "Subject: x\r\n\r\n" + String(repeating: line, count: 30_000)
    #expect(try await send(fixture, content: content)[5].hasPrefix("250 2.0.0 Ok"))
    #expect(counter.end() >= 3_000_000 / (60 << 10))
    milter.stop()
  }

  @Test func recipientsThatComeAndGoAreThoseOfAPlainList() {
    var random = SplitMix64(seed: 23)
    let addresses = ["a@b", "c@d", "e@f", "g@h"].map { MailAddress($0) }
    for round in 0..<500 {
      var model = (0..<random.below(6)).map { _ in
        EnvelopeRecipient(
          addresses[random.below(4)],
          original: random.oneIn(2) ? addresses[random.below(4)] : nil)
      }
      var edits = RecipientEdits(model)
      for _ in 0..<random.below(12) {
        let address = addresses[random.below(4)]
        if random.oneIn(2) {
          edits.add(address)
          if !model.contains(where: { $0.address == address }) {
            model.append(EnvelopeRecipient(address))
          }
        } else {
          edits.delete(address)
          model.removeAll { $0.address == address || $0.original == address }
        }
        #expect(edits.recipients == model, "round \(round)")
      }
    }
  }

  /// A milter's socket whose queue is full.
  @ReactorActor
  private final class FullSocket {
    let service: MilterService
    private let directory: TemporaryDirectory
    private let listener: SharedDescriptor
    private var clients: [SharedDescriptor] = []

    init() async throws {
      directory = try TemporaryDirectory()
      let path = directory.path("milter")
      listener = SharedDescriptor(try Sockets.listenUnix(path, mode: 0o600, backlog: 1))
      let site = try #require(try siteMilters("smtpd_milters = unix:\(path)"))
      let client = try #require(IPAddress("192.0.2.1"))
      let services = try await site.services(for: client)
      service = try #require(services.first)
      do throws(Errno) {
        while true { clients.append(SharedDescriptor(try Sockets.connectUnix(path))) }
      } catch {
        try #require(error == .wouldBlock)
      }
    }

    /// Takes all that wait.
    func empty() throws {
      while let accepted = try Sockets.accept(listener.raw) {
        clients.append(SharedDescriptor(accepted.take()))
      }
    }
  }

  @Test @ReactorActor func aMilterWhoseQueueIsFullIsWaitedFor() async throws {
    let socket = try await FullSocket()
    let dialing = MilterDialing(names: LookupThread(name: "t", depthMax: 1, timeout: .seconds(9)))
    let soon = Reactor.shared.now + .milliseconds(50)
    do throws(MilterTrouble) {
      _ = try await dialing.connect(to: socket.service, deadline: soon)
      Issue.record("it was full")
    } catch {
      guard case .connect("Connection timed out") = error else { throw error }
    }
    #expect(Reactor.shared.now >= soon)
    #expect(dialing.count == 0)
    let outcome = Mailbox<Bool>(capacity: 1)
    reactorTask {
      let deadline = Reactor.shared.now + .seconds(30)
      let stream = try? await dialing.connect(to: socket.service, deadline: deadline)
      _ = outcome.push(stream != nil)
      stream?.close()
    }
    // The first try has failed by then.
    while dialing.count == 0 { await Reactor.shared.yieldTurn() }
    try socket.empty()
    #expect(try await outcome.next(deadline: Reactor.shared.now + .seconds(30)))
  }

  @Test @ReactorActor func onlySoManyConnectToAMilterAtATime() async throws {
    let socket = try await FullSocket()
    let names = LookupThread(name: "t", depthMax: 1, timeout: .seconds(9))
    let dialing = MilterDialing(names: names, underWayMax: 1)
    let outcomes = Mailbox<Int>(capacity: 2)
    for number in 1...2 {
      reactorTask {
        // Who waits in line has its own time.
        let time: Duration = number == 1 ? .seconds(30) : .milliseconds(20)
        let deadline = Reactor.shared.now + time
        let stream = try? await dialing.connect(to: socket.service, deadline: deadline)
        _ = outcomes.push(stream == nil ? -number : number)
        stream?.close()
      }
    }
    #expect(try await outcomes.next(deadline: Reactor.shared.now + .seconds(30)) == -2)
    try socket.empty()
    #expect(try await outcomes.next(deadline: Reactor.shared.now + .seconds(30)) == 1)
    #expect(dialing.count == 0)
  }
}
