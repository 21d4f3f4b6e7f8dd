import MailTypes
import QueueFormat

/// What the outside world knows: which mail was promised, which was refused, what arrived.
final class Ledger {
  /// What the client that sent a message was told.
  enum Answer: Equatable {
    case none
    case accepted
    case refused
  }

  struct Arrival {
    let powerCuts: Int
    var isFlushed = false
  }

  struct Message {
    let id: QueueID
    let header: [UInt8]
    let body: [UInt8]
    let recipientCount: Int
    var answer = Answer.none
    var arrivals: [UInt32: [Arrival]] = [:]
    var bounced: Set<UInt32> = []
    /// An order ended it and said so.
    var isEnded = false
    /// An order that may have ended it was interrupted.
    var mayBeEnded = false
    /// An order holds it and said so.
    var isHeld = false
  }

  private(set) var messages: [QueueID: Message] = [:]
  private(set) var order: [QueueID] = []
  private(set) var violations: [String] = []
  private(set) var repeated = 0

  func violation(_ text: String) {
    violations.append(text)
  }

  func add(_ message: Message) {
    if messages[message.id] != nil { violation("id \(message.id) was given twice") }
    messages[message.id] = message
    order.append(message.id)
  }

  func update(_ id: QueueID, _ change: (inout Message) -> Void) {
    guard var message = messages[id] else { return violation("unknown message \(id)") }
    change(&message)
    messages[id] = message
  }

  func answer(_ ids: [QueueID], _ answer: Answer) {
    for id in ids { update(id) { $0.answer = answer } }
  }

  /// A message reaches a recipient.
  func arrive(_ id: QueueID, recipient: UInt32, content: [UInt8], powerCuts: Int) {
    guard let message = messages[id] else { return violation("\(id) was never sent") }
    if content != message.header + message.body + SpoolLayout.terminator {
      violation("\(id) arrived with other content")
    }
    if message.answer == .refused { violation("\(id) was refused and arrived") }
    if message.isEnded { violation("\(id) was ended by order and arrived") }
    if message.isHeld { violation("\(id) was held and arrived") }
    let earlier = message.arrivals[recipient] ?? []
    if earlier.contains(where: { $0.isFlushed || $0.powerCuts == powerCuts }) {
      violation("\(id) came to recipient \(recipient) twice")
    }
    if !earlier.isEmpty { repeated += 1 }
    update(id) { $0.arrivals[recipient] = earlier + [Arrival(powerCuts: powerCuts)] }
  }

  /// The journal says durably that the message has arrived there.
  func arrivalFlushed(_ id: QueueID, recipient: UInt32) {
    update(id) { message in
      for index in (message.arrivals[recipient] ?? []).indices {
        message.arrivals[recipient]?[index].isFlushed = true
      }
    }
  }

  /// What must have happened to every message once the queue is empty.
  func checkEnd() {
    for id in order {
      guard let message = messages[id], message.answer == .accepted, !message.isEnded,
        !message.mayBeEnded
      else { continue }
      for recipient in 0..<UInt32(message.recipientCount)
      where message.arrivals[recipient] == nil && !message.bounced.contains(recipient) {
        violation("\(id) was accepted and never came to recipient \(recipient)")
      }
    }
  }

  /// Everything that happened, in a form in which two runs can be compared.
  var summary: String {
    "\(order.count) messages, "
      + "\(messages.values.filter { $0.answer == .accepted }.count) accepted, "
      + "\(messages.values.filter { $0.answer == .refused }.count) refused, \(repeated) repeated"
  }
}
