/// What of a load arrived, message by message.
package struct Arrivals: Sendable {
  /// How often each message came.
  package private(set) var counts: [Int: Int] = [:]
  /// Messages that were changed on the way, or came with a wrong envelope.
  package private(set) var broken: [Int] = []
  /// What came and was never sent.
  package private(set) var strangers = 0
  private let load: MailLoad

  /// Compares with what a load sends.
  package init(of load: MailLoad) { self.load = load }

  /// Looks at one message: its content with LF line ends and its envelope.
  package mutating func add(sender: String, recipients: [String], content: [UInt8]) {
    guard let number = TestMail.number(in: content, seed: load.seed) else {
      strangers += 1
      return
    }
    counts[number, default: 0] += 1
    let mail = TestMail(number: number, seed: load.seed, size: load.size(number))
    let wanted = load.recipients(number)
    if !mail.isWhole(in: content) || sender != "sender\(number)@source.test"
      || !recipients.allSatisfy(wanted.contains) || recipients.isEmpty
    {
      broken.append(number)
    }
  }

  /// Looks at what a scripted sink took, but for the first so many; returns how many it has taken.
  @discardableResult
  package mutating func add(_ sink: ScriptedSink, from first: Int = 0) -> Int {
    let received = sink.received
    for message in received[first...] {
      add(sender: message.sender, recipients: message.recipients, content: message.content)
    }
    return received.count
  }

  /// Looks at all that `smtp-sink` captured.
  package mutating func add(_ sink: SMTPSink) throws {
    try sink.forEachMessage {
      add(sender: $0.sender, recipients: $0.recipients, content: $0.content)
    }
  }

  /// Those of the numbers that never came.
  package func missing(_ numbers: some Sequence<Int>) -> [Int] {
    numbers.filter { counts[$0] == nil }
  }

  /// Messages that came more than once, and how often.
  package var repeated: [Int: Int] { counts.filter { $0.value > 1 } }
}
