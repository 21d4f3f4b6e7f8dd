import MailTypes
import Primitives
import Testing

@testable import QueueScheduler

/// The index and the calendar against plain models.
@Suite struct StructureTests {
  @Test(arguments: 1...20)
  func theIndexFindsWhatIsInItAndNothingElse(seed: Int) {
    var random = Seeded(state: UInt64(seed))
    var index = MessageIndex()
    var model: [QueueID: UInt32] = [:]
    for _ in 0..<5000 {
      // Few ids, so that cells collide, move and come back.
      let id = QueueID(
        microseconds: UInt64.random(in: 0..<400, using: &random),
        sequence: UInt64.random(in: 0..<3, using: &random))
      if Bool.random(using: &random) {
        let message = NewMessage(
          id: id, place: MessagePlace(segment: 1, offset: 64),
          arrival: MonotonicTime(nanoseconds: 0), recipientsLeft: 1)
        let slot = index.insert(message, state: .held)
        #expect((slot == nil) == (model[id] != nil))
        if let slot { model[id] = slot }
      } else if let slot = model.removeValue(forKey: id) {
        index.remove(slot)
      }
      #expect(index.find(id) == model[id])
    }
    #expect(index.count == model.count)
    #expect(model.allSatisfy { index.find($0.key) == $0.value })
  }

  @Test func aReferenceDoesNotOutliveItsMessage() {
    var index = MessageIndex()
    let message = NewMessage(
      id: QueueID(microseconds: 1, sequence: 1), place: MessagePlace(segment: 1, offset: 64),
      arrival: MonotonicTime(nanoseconds: 0), recipientsLeft: 1)
    let first = index.insert(message, state: .held).map { index.ref($0) }
    if let first { index.remove(first.slot) }
    let second = index.insert(message, state: .held).map { index.ref($0) }
    #expect(first?.slot == second?.slot)
    #expect(first != second)
  }

  @Test(arguments: 1...20)
  func theCalendarGivesEachMessageInItsRun(seed: Int) {
    var random = Seeded(state: UInt64(seed))
    var settings = SchedulerSettings()
    settings.queueRunDelay = .seconds(Int.random(in: 1...400, using: &random))
    var now = MonotonicTime(nanoseconds: 5_000_000_000)
    var calendar = RetryCalendar(settings, origin: now)
    var index = MessageIndex()
    var model: [UInt32: MonotonicTime] = [:]
    var next: UInt64 = 0
    for _ in 0..<2000 {
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<10:
        next += 1
        let message = NewMessage(
          id: QueueID(microseconds: next, sequence: 1), place: MessagePlace(segment: 1, offset: 0),
          arrival: now, recipientsLeft: 1)
        guard let slot = index.insert(message, state: .deferred) else { continue }
        let time = now + .seconds(Int.random(in: 0...4000, using: &random))
        calendar.file(slot, at: time, in: &index)
        let run = calendar.time(of: index[slot].tick)
        #expect(run >= time && run <= max(time, now) + settings.queueRunDelay)
        model[slot] = run
      case 10..<13:
        guard let slot = model.keys.sorted().randomElement(using: &random) else { continue }
        calendar.remove(slot, in: &index)
        index.remove(slot)
        model[slot] = nil
      case 13..<19:
        now = now + .milliseconds(Int.random(in: 0...200_000, using: &random))
        while let slot = calendar.popDue(now: now, in: &index) {
          let run = model.removeValue(forKey: slot)
          #expect(run.map { $0 <= now } == true)
          index.remove(slot)
        }
        #expect(model.values.allSatisfy { $0 > now })
      default:
        calendar.flush()
        let flushed = Set(model.keys)
        var given: Set<UInt32> = []
        while let slot = calendar.popDue(now: now, in: &index) {
          given.insert(slot)
          model[slot] = nil
          index.remove(slot)
        }
        #expect(given == flushed)
      }
      #expect(calendar.count == model.count)
      if let first = model.values.min(), let wake = calendar.nextTime { #expect(wake <= first) }
      #expect((calendar.nextTime == nil) == model.isEmpty)
    }
  }
}
