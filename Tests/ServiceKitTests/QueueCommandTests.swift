import MailTypes
import Testing

@testable import ServiceKit

private let ids = (1...3).map { QueueID(microseconds: 1_700_000_000_000_000, sequence: $0) }

@Test func commandsAreReadAsTheyWereWritten() throws {
  var commands: [QueueCommand] = [
    .list, .more, .cancel, .flush, .retry(ids[0]), .status, .conclude(.delete, count: 77),
    .orderAll(.requeue, []), .orderAll(.hold, [.incoming, .deferred]),
    .orderAll(.release, Set(QueueListEntry.State.allCases)),
  ]
  commands += QueueOrder.allCases.map { .order($0, ids) }
  for command in commands {
    #expect(try QueueCommand(decoding: command.encoded) == command)
    for cut in 0..<command.encoded.count {
      #expect(throws: WireError.self) {
        try QueueCommand(decoding: Array(command.encoded.prefix(cut)))
      }
    }
  }
}

@Test func onlyOrdersAreForTheOwner() {
  #expect(QueueCommand.order(.hold, ids).isForOwner)
  #expect(QueueCommand.orderAll(.delete, [.hold]).isForOwner)
  #expect(QueueCommand.conclude(.delete, count: 1).isForOwner)
  for command in [QueueCommand.list, .more, .cancel, .flush, .retry(ids[0]), .status] {
    #expect(!command.isForOwner)
  }
}

@Test func moreNamesThanFitAnOrderAreRefused() throws {
  let many = Array(repeating: ids[0], count: QueueCommand.idsMax + 1)
  let most = Array(many.dropLast())
  #expect(
    try QueueCommand(decoding: QueueCommand.order(.hold, most).encoded) == .order(.hold, most))
  #expect(throws: WireError.self) {
    try QueueCommand(decoding: QueueCommand.order(.hold, many).encoded)
  }
}

@Test func theAnswerToTheMostNamesFitsAPacket() throws {
  let outcomes = (0..<QueueCommand.idsMax).map { number in
    OrderOutcome(id: ids[0], isDone: number % 2 == 0, inFlight: UInt32(number))
  }
  let part = OrderAnswerPart(isDurable: true, outcomes: outcomes)
  #expect(part.encoded.count < 48 << 10)
  #expect(try OrderAnswerPart(decoding: part.encoded) == part)
}

@Test func theStatusIsReadAsItWasWritten() throws {
  let status = QueueStatus(
    processes: [.init(name: ProcessName(role: .smtp, index: 3), pid: 12345, deliveries: 9)],
    incoming: 1, active: 2, deferred: 3, hold: 4)
  #expect(try QueueStatus(decoding: status.encoded) == status)
}

@Test func summariesAreWordedAsPostfixDoes() {
  #expect(QueueOrder.delete.summary(3) == "Deleted: 3 messages")
  #expect(QueueOrder.hold.summary(1) == "Placed on hold: 1 message")
  #expect(QueueOrder.release.summary(0) == "Released from hold: 0 messages")
  #expect(QueueOrder.expire.summary(2) == "Force-expired: 2 messages")
  #expect(QueueOrder.requeue.summary(2) == "Requeued: 2 messages")
}
