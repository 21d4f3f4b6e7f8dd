import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import ServiceKit

/// The copies of messages that processes of users' read (spool rule R15): how much memory they take
/// together is bounded, and deliveries of one record share one.
@ReactorActor
final class MessageCopies {
  private struct Record: Hashable {
    let nonce: Nonce
    let offset: UInt64
  }

  private final class Copy {
    let size: Int64
    var users = 1
    /// `nil` while it is being made.
    var file: Result<SharedDescriptor, NoDelivery>?

    init(size: Int64) { self.size = size }
  }

  private let sizeMax: Int64
  private let helper: HelperThread
  private var copies: [Record: Copy] = [:]
  private var line: [UInt64] = []
  private var nextPlace: UInt64 = 0
  private let changed = Gate()
  private var isClosed = false

  /// Bytes that the copies take.
  private(set) var size: Int64 = 0
  /// Deliveries that wait for memory.
  var waiting: Int { line.count }

  /// - Parameters:
  ///   - sizeMax: `delivery_memory_limit` in bytes; one copy may be larger when it is the only one.
  ///   - helper: makes the copies.
  init(sizeMax: Int64, helper: HelperThread) {
    self.sizeMax = sizeMax
    self.helper = helper
  }

  /// From now on nobody waits for memory: the mail is tried again later.
  func close() {
    isClosed = true
    changed.pulse()
  }

  /// Delivers with a copy of a record, which is made when there is memory for it.
  func use(
    _ source: RecordSource, _ lead: RecordLead, deadline: MonotonicTime,
    _ deliver: (SharedDescriptor) async -> LocalVerdict
  ) async throws(NoDelivery) -> LocalVerdict {
    let record = Record(nonce: source.request.nonce, offset: source.request.offset)
    let (copy, isNew) = try await take(
      record, size: Int64(clamping: lead.header.length + lead.body.length), deadline)
    defer { leave(copy, of: record) }
    if isNew {
      let make: @Sendable () -> Result<SharedDescriptor, NoDelivery> = {
        Result { () throws(NoDelivery) in try source.copy(lead) }
      }
      copy.file = await helper.perform(make)
      changed.pulse()
    }
    return await deliver(try await file(of: copy, deadline))
  }

  /// Joins those who use a copy of the record, or begins one in its turn.
  private func take(
    _ record: Record, size: Int64, _ deadline: MonotonicTime
  ) async throws(NoDelivery) -> (Copy, isNew: Bool) {
    let place = nextPlace
    nextPlace += 1
    line.append(place)
    defer {
      line.removeAll { $0 == place }
      changed.pulse()
    }
    while true {
      if let copy = copies[record] {
        copy.users += 1
        return (copy, false)
      }
      // A large message is not overtaken for ever by small ones.
      if line.first == place, hasRoom(for: size) {
        let copy = Copy(size: size)
        copies[record] = copy
        self.size += size
        return (copy, true)
      }
      if isClosed { throw NoDelivery(verdict: .noMemory, isUntried: true) }
      try await wait(deadline) {
        !isClosed && copies[record] == nil && !(line.first == place && hasRoom(for: size))
      }
    }
  }

  private func hasRoom(for more: Int64) -> Bool { size == 0 || size + more <= sizeMax }

  private func file(
    of copy: Copy, _ deadline: MonotonicTime
  ) async throws(NoDelivery) -> SharedDescriptor {
    while true {
      if let file = copy.file { return try file.get() }
      try await wait(deadline) { copy.file == nil }
    }
  }

  private func wait(
    _ deadline: MonotonicTime, while condition: @ReactorActor () -> Bool
  ) async throws(NoDelivery) {
    do throws(WaitError) {
      try await changed.wait(deadline: deadline, while: condition)
    } catch {
      throw NoDelivery(verdict: .noMemory)
    }
  }

  private func leave(_ copy: Copy, of record: Record) {
    copy.users -= 1
    guard copy.users == 0 else { return }
    copies[record] = nil
    size -= copy.size
    changed.pulse()
  }
}

extension LocalVerdict {
  fileprivate static let noMemory = LocalVerdict(
    outcome: .deferred, status: EnhancedStatus(4, 3, 0),
    text: "other deliveries use up delivery_memory_limit")
}
