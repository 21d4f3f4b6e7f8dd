import Foundation
import LinuxSystem
import MailTypes
import Primitives
import ServiceKit
import TestSupport
import Testing

@testable import LocalDelivery

struct CommandTests {
  private func order(
    _ words: CommandOrder.Words, timeLimit: Int64 = 20_000, program: String = "local",
    environment: [String] = ["PATH=/usr/bin:/bin"], directory: String = ""
  ) -> CommandOrder {
    CommandOrder(
      words, environment: environment, directory: directory, timeLimit: timeLimit,
      program: program, success: program == "pipe" ? "delivered via x service" : "delivered",
      tellsOutput: program == "pipe")
  }

  private func run(
    _ order: CommandOrder, message: String = "text\n", pieces: Int = 1, for waiter: Int32 = -1
  ) throws -> LocalVerdict {
    ThisProcess.ignoreBrokenPipes()
    let verdict = try CommandRun(order: order, waiter: waiter).verdict { writer in
      for _ in 0..<pieces {
        writer.text += Array(message.utf8)
        guard writer.flushIfLarge() else { break }
      }
      return true
    }
    return try #require(verdict)
  }

  @Test(arguments: [
    (1, "5.3.0", "Command died with status 1: \"C\""), (64, "5.3.0", "command line usage error"),
    (65, "5.6.0", "data format error"), (67, "5.1.1", "user unknown"),
    (68, "5.1.2", "host name unknown"), (71, "4.3.0", "system resource problem"),
    (73, "5.2.0", "can't create user output file"), (75, "4.3.0", "temporary failure"),
    (76, "5.5.0", "remote error in protocol"), (77, "5.7.0", "permission denied"),
    (78, "5.3.5", "local configuration error"),
    (79, "5.3.0", "Command died with status 79: \"C\""),
  ])
  func anExitStatusMeansWhatSysexitsSays(code: Int, status: String, text: String) throws {
    let line = "echo 'one\ttwo'; echo three >&2; exit \(code)"
    let verdict = try run(order(.line(line)))
    #expect("\(verdict.status)" == status)
    #expect(verdict.outcome == (status.hasPrefix("4") ? .deferred : .bounced))
    #expect(
      verdict.text
        == text.replacingOccurrences(of: "\"C\"", with: "\"\(line)\"")
        + ". Command output: one two three ")
  }

  @Test func whatTheCommandSaysOfItselfCounts() throws {
    #expect(
      try run(order(.line("echo 4.7.1 later; exit 77")))
        == .failed(EnhancedStatus(4, 7, 1), "later "))
    #expect(
      try run(order(.line("kill -9 $$")))
        == .failed(EnhancedStatus(4, 3, 0), "Command died with signal 9: \"kill -9 $$\""))
    #expect(try run(order(.line("echo fine; exit 0"))).text == "delivered")
    let arguments = ["/bin/echo", " all  fine "]
    #expect(
      try run(order(.arguments(arguments), program: "pipe")).text
        == "delivered via x service (all  fine)")
  }

  @Test func theMessageComesInOnStandardInput() throws {
    let folder = try TemporaryDirectory()
    let verdict = try run(
      order(
        .line("cd '\(folder.path)'; cat > got; echo \"$A\" > said"), environment: ["A=b c"]))
    #expect(verdict.outcome == .sent, "\(verdict)")
    #expect(try folder.read("got") == Array("text\n".utf8))
    #expect(try folder.read("said") == Array("b c\n".utf8))
  }

  @Test func aPlainCommandNeedsNoShell() {
    #expect(CommandLine.resolve(.line("cat -a x=1")).program == "/usr/bin/cat")
    #expect(CommandLine.resolve(.line("cat -a x=1")).arguments == ["cat", "-a", "x=1"])
    #expect(CommandLine.resolve(.line("/no/such x")).program == "/no/such")
    #expect(
      CommandLine.resolve(.line("no-such-program x")).arguments
        == ["sh", "-c", "no-such-program x"])
    for line in ["cat \"$USER\"", "a|b", "a;b", "a>b", "cat ~", "cat *"] {
      #expect(CommandLine.resolve(.line(line)).arguments == ["sh", "-c", line])
    }
    #expect(
      CommandLine.resolve(.line("cat a", shell: ["/x/sh", "-c"])).arguments
        == ["/x/sh", "-c", "cat a"])
    #expect(CommandLine.resolve(.arguments(["cat", "$a;b"])).arguments == ["cat", "$a;b"])
  }

  @Test func aProgramThatIsNotThereIsTriedAgain() throws {
    #expect(
      try run(order(.arguments(["/no/such"]), program: "pipe"))
        == .failed(
          EnhancedStatus(4, 3, 0),
          "temporary failure. Command output: pipe: fatal: pipe_command: "
            + "execvp /no/such: No such file or directory "))
  }

  @Test func muchOutputIsReadAndLittleKept() throws {
    let verdict = try run(order(.line("yes | head -c 1000000; exit 1")))
    #expect(verdict.text.utf8.count < 1200)
    #expect(verdict.text.contains(". Command output: y y y "))
  }

  @Test func aLargeMessageComesWholeAndIsNotKeptForWhoeverDoesNotRead() throws {
    let folder = try TemporaryDirectory()
    let text = String(repeating: "0123456789abcdef", count: 1 << 12)
    let verdict = try run(
      order(.line("cat | tee /dev/stderr | wc -c > '\(folder.path("size"))'")), message: text,
      pieces: 50)
    #expect(verdict.outcome == .sent, "\(verdict)")
    let size = String(decoding: try folder.read("size"), as: UTF8.self)
    #expect(size.trimmingCharacters(in: .newlines) == "\(50 << 16)")
    for line in ["exit 0", "exec <&-; exit 0", "head -c 1 > /dev/null"] {
      #expect(try run(order(.line(line)), message: text, pieces: 50).text == "delivered", "\(line)")
    }
    #expect(
      try run(order(.arguments(["/bin/sleep", "1000"]), timeLimit: 100), message: text, pieces: 50)
        .text == "Command time limit exceeded: \"/bin/sleep\"")
  }

  @Test func aMessageThatCannotBeReadWholeIsNoMessage() throws {
    let folder = try TemporaryDirectory()
    let order = order(.line("cat > '\(folder.path("got"))'; echo > '\(folder.path("end"))'"))
    let verdict = try CommandRun(order: order, waiter: -1).verdict { writer in
      writer.text += Array("text\n".utf8)
      return false
    }
    #expect(verdict == nil)
    #expect(!(try folder.names()).contains("end"))
  }

  @Test func aCommandThatTakesTooLongIsKilled() throws {
    let verdict = try run(order(.arguments(["/bin/sleep", "1000"]), timeLimit: 100))
    #expect(
      verdict.text == "Command time limit exceeded: \"/bin/sleep\"" && verdict.outcome == .bounced)
    #expect(verdict.endsSession)
  }

  @Test func whatIsLeftRunningKeepsNobodyWaiting() throws {
    let folder = try TemporaryDirectory()
    let verdict = try run(
      order(.line("sleep 1000 & echo $! > '\(folder.path("pid"))'; exit 0")))
    #expect(verdict.outcome == .sent)
    let text = String(decoding: try folder.read("pid"), as: UTF8.self)
    let pid = try #require(Int32(text.trimmingCharacters(in: .newlines)))
    #expect(kill(pid, SIGKILL) == 0)
  }

  @Test func aCommandThatNobodyWaitsForIsKilled() throws {
    var pair = try Sockets.packetPair()
    let own = pair.takeFirst()
    pair.takeSecond().close()
    let verdict = try run(order(.line("exec sleep 1000"), timeLimit: 600_000), for: own.raw)
    #expect(verdict.outcome == .deferred && verdict.endsSession)
  }

  @Test func aVerdictTravels() throws {
    let nothing = CommandVerdict(order: order(.line("a")), output: [])
    for verdict in [nothing.timedOut, nothing.abandoned, nothing.verdict(on: .exited(0))] {
      #expect(try verdict.encoded.withUnsafeBytes { try LocalVerdict(decoding: $0) } == verdict)
    }
    #expect(nothing.timedOut.endsSession)
  }

  @Test func anOrderTravels() throws {
    for words in [
      CommandOrder.Words.line("a b"), .line("a b", shell: ["/sh", "-c"]), .arguments(["a", "b c"]),
    ] {
      let order = order(words, environment: ["A=b", "C="], directory: "/d")
      var out = WireEncoder()
      order.encode(into: &out)
      let read = try out.take().withUnsafeBytes { bytes in
        var input = WireDecoder(bytes)
        return try CommandOrder(from: &input)
      }
      #expect(read == order)
    }
  }

  @Test func theEnvironmentIsFiltered() {
    let allowed = Set("ab@.".utf8)
    #expect(CommandLine.filtered(Array("a`b\"@\n.c".utf8), allowing: allowed) == "a_b_@_._")
  }
}
