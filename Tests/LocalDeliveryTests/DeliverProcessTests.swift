import Foundation
import LinuxSystem
import MailTypes
import ServiceKit
import Synchronization
import Testing

@testable import LocalDelivery

struct DeliverProcessTests {
  private static let thread = "order-taker"

  /// What a taker found, and whether it is done.
  private final class Found: Sendable {
    let path = Mutex<String?>(nil)
    let isDone = Atomic(false)
  }

  @Test func anOrderThatComesLateIsWaitedFor() throws {
    var pair = try Sockets.packetPair()
    let parent = pair.takeFirst()
    let child = SharedDescriptor(pair.takeSecond())
    let found = Found()
    let taker = try SystemThread(name: Self.thread) {
      let order = DeliverProcess.order(from: child.raw)
      if case .maildir(let path)? = order?.0.destination { found.path.withLock { $0 = path } }
      found.isDone.store(true, ordering: .releasing)
    }
    while !found.isDone.load(ordering: .acquiring), try !Self.isAsleep() { sched_yield() }
    let account = Account(name: "anna", uid: 12_345, gid: 12_345, home: "/home/anna", shell: "")
    let order = DeliverOrder(
      account: account, destination: .maildir("/home/anna/Maildir"), headerLength: 1, bodyLength: 0,
      sender: MailAddress("a@example.org"), recipient: MailAddress("anna@mx.test"), original: [])
    let content = try Files.sealedMemory("message", content: [120])
    _ = order.encoded(host: "mx.test", sizeMax: 0).withUnsafeBytes {
      Sockets.sendPacket(parent.raw, $0, descriptors: [content.raw])
    }
    taker.join()
    #expect(found.path.withLock(\.self) == "/home/anna/Maildir")
  }

  @Test func aParentThatGoesAwayLeavesNoOrder() throws {
    var pair = try Sockets.packetPair()
    pair.takeFirst().close()
    let child = pair.takeSecond()
    #expect(DeliverProcess.order(from: child.raw) == nil)
  }

  /// Whether the taker's thread waits in the kernel.
  private static func isAsleep() throws -> Bool {
    let tasks = "/proc/self/task"
    return try FileManager.default.contentsOfDirectory(atPath: tasks).contains { task in
      guard let text = try? String(contentsOfFile: "\(tasks)/\(task)/stat", encoding: .utf8)
      else { return false }
      return text.contains("(\(thread)) S")
    }
  }
}
