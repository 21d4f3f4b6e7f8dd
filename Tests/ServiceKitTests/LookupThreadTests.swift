import LinuxSystem
import LookupTables
import Primitives
import Reactor
import Testing

@testable import ServiceKit

@Suite struct LookupThreadTests {
  init() { Reactor.startThread() }

  @Test @ReactorActor func anAnswerComesFromTheThread() async throws {
    let thread = LookupThread(name: "lookups", depthMax: 4, timeout: .seconds(30))
    #expect(try await thread.answer(to: { .success([7]) }, of: "t") == [7])
    #expect(try await thread.answer(to: { .success(nil) }, of: "t") == nil)
    await #expect(throws: LookupError.failed(table: "t", reason: "no")) {
      try await thread.answer(to: { .failure(.failed(table: "t", reason: "no")) }, of: "t")
    }
  }

  /// A look-up that ends when the test lets it.
  private final class Barrier: @unchecked Sendable {
    private let latch = Latch()
    private var isOpen = false

    func open() {
      latch.withLock {
        isOpen = true
        latch.signal()
      }
    }

    func wait() {
      latch.withLock { while !isOpen { latch.wait() } }
    }
  }

  @Test @ReactorActor func aLookUpThatDoesNotEndFailsInTime() async throws {
    let thread = LookupThread(name: "lookups", depthMax: 1, timeout: .milliseconds(20))
    let barrier = Barrier()
    let work: @Sendable () -> Result<[UInt8]?, LookupError> = {
      barrier.wait()
      return .success(nil)
    }
    await #expect(throws: LookupError.failed(table: "t", reason: "no answer within 0.02 seconds")) {
      try await thread.answer(to: work, of: "t")
    }
    await #expect(throws: LookupError.self) { try await thread.answer(to: work, of: "t") }
    await #expect(throws: LookupError.failed(table: "t", reason: "1 look-ups are waiting")) {
      try await thread.answer(to: work, of: "t")
    }
    barrier.open()
  }

  @Test @ReactorActor func accountsAndGroupsAreKnown() async throws {
    let cache = AccountCache(sizeMax: 10, lifetime: .seconds(60))
    func find(_ table: String, _ key: String) async throws -> String? {
      let table = try AccountTable(
        "unix:\(table)", table, worker: DirectWorker(), cache: cache)
      return try await table.find(Array(key.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }
    for _ in 0..<2 {
      #expect(try await find("passwd.byname", "root")?.hasPrefix("root:x:0:0:") == true)
      #expect(try await find("group.byname", "root") == "root:x:0:")
      #expect(try await find("passwd.byname", "no-such-user") == nil)
    }
    for key in ["", "a:b", "a/b", "root\0x", String(repeating: "a", count: 256)] {
      #expect(try await find("passwd.byname", key) == nil)
    }
    #expect(throws: LookupError.self) {
      try AccountTable("unix:hosts", "hosts", worker: DirectWorker(), cache: nil)
    }
  }

  @Test @ReactorActor func answersAreKeptForATimeAndInBounds() async {
    let cache = AccountCache(sizeMax: 2, lifetime: .seconds(60))
    cache.keep([1], of: [7], in: "t")
    cache.keep(nil, of: [8], in: "t")
    #expect(cache.find([7], in: "t") == .some([1]))
    #expect(cache.find([8], in: "t") == .some(nil))
    #expect(cache.find([7], in: "u") == nil)
    cache.keep([3], of: [9], in: "t")
    #expect(cache.find([7], in: "t") == nil)
    #expect(cache.find([9], in: "t") == .some([3]))
    let brief = AccountCache(sizeMax: 2, lifetime: .zero)
    brief.keep([1], of: [7], in: "t")
    #expect(brief.find([7], in: "t") == nil)
  }
}
