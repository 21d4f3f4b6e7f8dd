import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// The harness itself against peers that are known to work: what it finds in them it would find
  /// in Martinet.
  struct HarnessTests {
    @Test func aSinkKeepsEveryMessageOfASourceOneByOne() throws {
      let sink = try SMTPSink(capturing: true)
      try SMTPSource.send(messages: 200, sessions: 10, size: 500, port: sink.port)
      try sink.stop()
      let messages = try sink.messages()
      #expect(messages.count == 200)
      #expect(messages.allSatisfy { $0.recipients == ["rcpt@sink.test"] })
      #expect(messages.allSatisfy { $0.sender == "sender@source.test" })
      #expect(Set(messages.map(\.content)).count == 200)
    }

    @Test func aLoadArrivesWholeAtASink() throws {
      let sink = try SMTPSink(capturing: true)
      var load = MailLoad(port: sink.port)
      load.size = { $0 % 50 == 0 ? 300_000 : 1000 }
      let result = try load.run(0..<200, within: .seconds(60))
      try sink.stop()
      #expect(result.acknowledged.count == 200)
      #expect(result.brokenSessions == 0)
      var seen: Set<Int> = []
      for message in try sink.messages() {
        let number = try #require(TestMail.number(in: message.content, seed: load.seed))
        let mail = TestMail(number: number, seed: load.seed, size: load.size(number))
        #expect(mail.isWhole(in: message.content))
        #expect(message.recipients == load.recipients(number))
        seen.insert(number)
      }
      #expect(seen.count == 200)
    }

    @Test func aScriptedSinkRefusesAndBreaksOffAsTold() throws {
      let refusals = Monitor(0)
      let sink = try ScriptedSink { step in
        switch step {
        case .recipient("rcpt1@sink.test"): .reply("550 5.1.1 no")
        case .content
        where refusals.change {
          $0 += 1; return $0
        } == 1: .acceptAndClose
        default: .accept
        }
      }
      var load = MailLoad(port: sink.port)
      load.sessions = 1
      let result = try load.run(0..<4, within: .seconds(20))
      #expect(result.uncertain == [0])
      #expect(Array(result.refused.keys) == [1])
      #expect(result.refused[1] == "550 5.1.1 no")
      #expect(result.acknowledged.keys.sorted() == [2, 3])
      #expect(sink.received.count == 3)
      #expect(sink.sessions == 2)
    }

    @Test func aChangedMessageIsNotTakenForAWholeOne() {
      let mail = TestMail(number: 7, seed: 9, size: 2000)
      let content = mail.content.filter { $0 != 13 }
      #expect(mail.isWhole(in: content))
      #expect(mail.isWhole(in: Array("Received: by x\n\tid y\n".utf8) + content))
      #expect(!mail.isWhole(in: Array("no field\n".utf8) + content))
      #expect(!mail.isWhole(in: content + [10]))
      #expect(!mail.isWhole(in: content.dropLast()))
      for at in [0, 300, content.count - 1] {
        var changed = content
        changed[at] ^= 1
        #expect(!mail.isWhole(in: changed))
      }
      #expect(TestMail.number(in: content, seed: 9) == 7)
      #expect(TestMail.number(in: content, seed: 8) == nil)
    }

    @Test func aLogGivesItsLinesAsTheyComeAndItsEnd() throws {
      let program = try Program("sh", ["-c", "echo one; echo two >&2; echo three; exit 3"])
      let deadline = Deadline.after(.seconds(10))
      let (index, line) = try program.output.wait(for: "three", until: deadline)
      #expect(index == 1)
      #expect("\(line)" == "three")
      #expect(throws: PeerError.self) { try program.output.wait(for: "four", until: deadline) }
      #expect(try program.waitForExit(until: deadline) == .code(3))
      try program.errors.waitForEnd(until: deadline)
      #expect(program.errors.text == "two\n")
    }

    @Test func aFamilyHoldsAProcessAndItsChildren() throws {
      let program = try Program("sh", ["-c", "cat /dev/zero >/dev/null & echo started; wait"])
      try program.output.wait(for: "started", until: .after(.seconds(10)))
      let family = RunningProcess.family(of: program.pid)
      #expect(family.count == 2)
      #expect(family.contains { $0.parent == program.pid })
      #expect(family.allSatisfy { $0.memory > 0 && $0.threads == 1 && $0.descriptors >= 3 })
      for process in family { process.kill() }
      #expect(try program.waitForExit(until: .after(.seconds(10))) == .signal(9))
    }

    @Test(.enabled(if: SystemCallTrace.isAvailable))
    func aTraceHoldsTheCallsInTheirOrderAndCountsThem() throws {
      let sink = try SMTPSink()
      let process = try #require(sink.process)
      let trace = try SystemCallTrace([process], calls: "accept,accept4,recvfrom,read,write,sendto")
      try SMTPDialog(greetedAt: sink.port).say("NOOP", expecting: 250)
      let calls = try trace.calls()
      #expect(calls.allSatisfy { $0.thread == process.pid && $0.began <= $0.ended })
      let accept = try #require(calls.firstIndex { $0.name.hasPrefix("accept") && $0.succeeded })
      let greeting = try #require(calls.firstIndex { $0.text.contains("\"220 ") })
      let noop = try #require(calls.firstIndex { $0.text.contains("\"NOOP") })
      #expect(accept < greeting)
      #expect(greeting < noop)
      #expect(calls[greeting].descriptor == calls[noop].descriptor)

      let counting = try SystemCallTrace([process], calls: "accept,accept4", counting: true)
      for _ in 0..<5 { _ = try SMTPDialog(greetedAt: sink.port) }
      #expect(try counting.counts().values.reduce(0, +) >= 5)
    }

    @Test(arguments: TemporaryFileSystem.available)
    func aSmallFileSystemFillsUpAndGoesAway(kind: TemporaryFileSystem.Kind) throws {
      var disk: TemporaryFileSystem? = try TemporaryFileSystem(kind, megabytes: 8)
      let path = try #require(disk?.path)
      #expect(throws: PeerError.self) {
        try Program.run("dd", ["if=/dev/zero", "of=\(path)/file", "bs=1M", "count=9"])
      }
      disk = nil
      let mounts = try Program.run("cat", ["/proc/mounts"])
      #expect(!mounts.contains { $0.contains(path) })
    }

    @Test(.enabled(if: PostfixOracle.isAvailable))
    func thePrivatePostfixRelaysALoadWhole() throws {
      let sink = try SMTPSink(capturing: true)
      let postfix = try PostfixOracle(relayPort: sink.port)
      try postfix.start()
      var load = MailLoad(port: postfix.port)
      load.sessions = 5
      let result = try load.run(0..<20, within: .seconds(60))
      #expect(result.acknowledged.count == 20)
      try sink.wait(forCount: 20, until: .after(.seconds(30)))
      try postfix.stop()
      try sink.stop()
      #expect(try sink.messages().count == 20)
      for message in try sink.messages() {
        let number = try #require(TestMail.number(in: message.content, seed: load.seed))
        #expect(TestMail(number: number, seed: load.seed, size: 2000).isWhole(in: message.content))
      }
    }
  }
}
