import Foundation

/// What became of the messages that a load sent.
package struct MailLoadResult: Sendable {
  /// The queue ids of the acknowledged messages by their number.
  package var acknowledged: [Int: String] = [:]
  /// The last replies to the messages that were refused.
  package var refused: [Int: String] = [:]
  /// Messages whose connection broke after content had been sent, before a reply.
  package var uncertain: Set<Int> = []
  /// Sessions that broke or could not be made.
  package var brokenSessions = 0

  /// Whether the last reply to a message asked its sender to come back.
  fileprivate func isPostponed(_ number: Int) -> Bool {
    refused[number]?.hasPrefix("4") ?? false
  }
}

/// Many sessions at once that send numbered messages and note each acknowledgement.
package struct MailLoad: Sendable {
  /// Where to.
  package var port: UInt16
  /// How many sessions at once.
  package var sessions = 10
  /// The seed of the messages.
  package var seed: UInt64 = 1
  /// The size of a message by its number, in bytes.
  package var size: @Sendable (Int) -> Int = { _ in 2000 }
  /// The recipients of a message by its number.
  package var recipients: @Sendable (Int) -> [String] = { ["rcpt\($0)@sink.test"] }
  /// Whether a broken session is made again and its message sent again.
  package var retries = false
  /// How long a session rests before it comes back with a message that was refused for now; `nil`
  /// when it does not come back.
  package var returnsAfter: Duration?
  /// How long a session rests before each message.
  package var rest = Duration.zero
  /// When sessions take up no more messages; those in hand are finished.
  package var lastCall: Deadline?

  /// A load for a port of loopback.
  package init(port: UInt16) { self.port = port }

  fileprivate struct State {
    var next: Int
    var running: Int
    var result = MailLoadResult()
  }

  /// Sends the messages of a range of numbers and waits until each has its fate.
  package func run(
    _ numbers: Range<Int>, within limit: Duration
  ) throws(PeerError) -> MailLoadResult {
    let run = start(numbers, within: limit)
    guard let result = run.result(until: run.deadline) else {
      throw .timedOut("all messages to be taken")
    }
    return result
  }

  /// Starts to send the messages of a range of numbers and returns at once.
  package func start(_ numbers: Range<Int>, within limit: Duration) -> Run {
    let deadline = Deadline.after(limit)
    let state = Monitor(State(next: numbers.lowerBound, running: sessions))
    for _ in 0..<sessions {
      Thread.detachNewThread {
        session(numbers, state, deadline)
        state.change { $0.running -= 1 }
      }
    }
    return Run(state: state, deadline: deadline)
  }

  /// A load under way.
  package struct Run: Sendable {
    fileprivate let state: Monitor<State>
    /// When it gives up.
    package let deadline: Deadline

    /// What became of all messages; `nil` when some are still under way at the deadline.
    package func result(until deadline: Deadline) -> MailLoadResult? {
      state.wait(until: deadline) { $0.running == 0 ? $0.result : nil }
    }

    /// What has become of messages so far.
    package var resultSoFar: MailLoadResult { state.read(\.result) }

    /// Waits until that many messages have been acknowledged.
    package func wait(forAcknowledged count: Int, until deadline: Deadline) throws(PeerError) {
      let reached: Bool? = state.wait(until: deadline) {
        $0.result.acknowledged.count >= count ? true : nil
      }
      if reached == nil { throw .timedOut("\(count) acknowledgements") }
    }
  }

  private func session(_ numbers: Range<Int>, _ state: Monitor<State>, _ deadline: Deadline) {
    var dialog: SMTPDialog?
    while let number = take(numbers, state) {
      if rest > .zero { Monitor(()).pause(rest) }
      repeat {
        do {
          let open = try dialog ?? SMTPDialog(greetedAt: port)
          dialog = open
          try send(number, over: open, state)
          guard let returnsAfter, state.read({ $0.result.isPostponed(number) }) else { break }
          Monitor(()).pause(returnsAfter)
        } catch {
          let wasConnected = dialog != nil
          dialog = nil
          state.change { $0.result.brokenSessions += 1 }
          // Nobody tells when the server is back; asking all the time would only slow it down.
          if retries, !wasConnected { Monitor(()).pause(.milliseconds(5)) }
        }
      } while (retries || returnsAfter != nil) && !deadline.hasPassed
    }
    _ = try? dialog?.ask("QUIT")
  }

  private func take(_ numbers: Range<Int>, _ state: Monitor<State>) -> Int? {
    if let lastCall, lastCall.hasPassed { return nil }
    return state.change { state in
      guard state.next < numbers.upperBound else { return nil }
      defer { state.next += 1 }
      return state.next
    }
  }

  private func send(
    _ number: Int, over dialog: SMTPDialog, _ state: Monitor<State>
  ) throws(PeerError) {
    let mail = TestMail(number: number, seed: seed, size: size(number))
    for line in ["MAIL FROM:<sender\(number)@source.test>"]
      + recipients(number).map({ "RCPT TO:<\($0)>" }) + ["DATA"]
    {
      let reply = try dialog.ask(line)
      guard reply.code / 100 == (line == "DATA" ? 3 : 2) else {
        state.change { $0.result.refused[number] = reply.description }
        if reply.code == 421 { throw .unexpected(sent: line, got: reply.description) }
        _ = try dialog.ask("RSET")
        return
      }
    }
    do {
      try dialog.send(raw: DotStuffing.stuffed(mail.content) + Array(".\r\n".utf8))
      let reply = try dialog.reply(to: "the final dot")
      state.change { state in
        if reply.code == 250 {
          let id = reply.lines[0].split(separator: " ").last.map(String.init)
          state.result.acknowledged[number] = id ?? ""
          state.result.refused[number] = nil
        } else {
          state.result.refused[number] = reply.description
        }
      }
    } catch {
      state.change { _ = $0.result.uncertain.insert(number) }
      throw error
    }
  }
}
