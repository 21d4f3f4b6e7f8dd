import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import ServiceKit
import Testing

@testable import LocalDelivery

struct LocalWorkTests {
  @Test func aRecordWhoseFileEndsTooSoonIsNotCopied() throws {
    let time = WallTime(microseconds: 1)
    var lead = RecordLead(id: QueueID(microseconds: 1, sequence: 1), flags: [])
    lead.headerInRecord = Extent(offset: 128, length: 20)
    lead.bodyInRecord = Extent(offset: 148, length: 1000)
    let account = Account(name: "anna", uid: 12_345, gid: 12_345, home: "/home/anna", shell: "")
    for (size, isWhole) in [(1148, true), (1147, false), (140, false)] {
      let file = try Files.sealedMemory(
        "segment", content: [UInt8](repeating: 120, count: size))
      let work = LocalWork(
        agent: LocalAgent(settings: .init(), names: MaildirName(host: "mx.test", pid: 1)),
        request: DeliveryRequest(
          id: 1, queueID: lead.id, nonce: lead.nonce, offset: 0, transport: "local",
          nextHop: "mx.test", sender: MailAddress("a@example.org"), recipients: [], arrival: time,
          activated: time, dispatched: time),
        recipient: DeliveryRecipient(index: 0, address: MailAddress("anna@mx.test")),
        segment: SharedDescriptor(file))
      do throws(NoDelivery) {
        let step = try work.order(lead, for: account, .maildir("/home/anna/Maildir"))
        guard case .asUser(let order) = step else {
          Issue.record("the account's own process is to deliver it")
          continue
        }
        #expect(isWhole)
        #expect(order.bodyLength == 1000)
      } catch {
        #expect(!isWhole)
        #expect(error.verdict.outcome == .deferred)
      }
    }
  }
}
