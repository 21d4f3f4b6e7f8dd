import Configuration
import LookupTables
import MailTypes
import Testing

@testable import LocalDelivery

struct VirtualMailboxesTests {
  private func mailboxes() throws -> VirtualMailboxes {
    let text = """
      recipient_delimiter = +
      virtual_mailbox_base = /vmail
      virtual_mailbox_maps = inline:{ {md@v.test=md/}, {md+x@v.test=mx}, {@all.test=all/},
        {low@v.test=l}, {root@v.test=r}, {none@v.test=n}, {odd@v.test=o}, {up@v.test=../up/} }
      virtual_uid_maps = inline:{ {md@v.test=5000}, {low@v.test=5}, {root@v.test=0},
        {odd@v.test=x}, {up@v.test=5000}, {@all.test=5001} }
      virtual_gid_maps = static:60

      """
    let configuration = Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"), host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    return try VirtualMailboxes(configuration, tables: TableOpener { _ in nil })
  }

  @Test(arguments: [
    ("md@v.test", MailboxPlace.maildir("/vmail/md"), 5000),
    ("MD+other@V.test", .maildir("/vmail/md"), 5000), ("md+x@v.test", .file("/vmail/mx"), 5000),
    ("any+one@all.test", .maildir("/vmail/all"), 5001),
  ])
  func aMailboxIsFoundWithItsOwner(address: String, place: MailboxPlace, uid: UInt32) async throws {
    let found = try await mailboxes().find(MailAddress(address))
    #expect(found == .init(place: place, uid: uid, gid: 60))
  }

  @Test(arguments: [
    ("low@v.test", "recipient low@v.test: bad uid 5 in virtual_uid_maps"),
    ("root@v.test", "recipient root@v.test: bad uid 0 in virtual_uid_maps"),
    ("odd@v.test", "recipient odd@v.test: bad uid x in virtual_uid_maps"),
    ("none@v.test", "recipient none@v.test: not found in virtual_uid_maps"),
    ("up@v.test", "recipient up@v.test: bad path ../up/ in virtual_mailbox_maps"),
  ])
  func whatIsNotSetUpWaitsWithAWarning(address: String, warning: String) async throws {
    let mailboxes = try mailboxes()
    do throws(NoDelivery) {
      _ = try await mailboxes.find(MailAddress(address))
      Issue.record("\(address) has a mailbox")
    } catch {
      #expect(error.verdict == .misconfigured)
      #expect(error.warning == warning)
    }
  }

  @Test func anAddressMustNotBecomeAPath() {
    let main = MainFile(
      Array("virtual_mailbox_maps = pcre:{ {/^(.*)@v/ $$1/} }\n".utf8), file: "main.cf")
    let configuration = Configuration.evaluate(
      main, host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    #expect(throws: LookupError.self) {
      try VirtualMailboxes(configuration, tables: TableOpener(takesGroups: false) { _ in nil })
    }
    #expect(throws: Never.self) {
      try VirtualMailboxes(configuration, tables: TableOpener { _ in nil })
    }
  }

  @Test func whoHasNoMailboxIsUnknown() async throws {
    let mailboxes = try mailboxes()
    do throws(NoDelivery) {
      _ = try await mailboxes.find(MailAddress("no@v.test"))
      Issue.record("no@v.test has a mailbox")
    } catch {
      #expect(error.verdict == .unknownUser("no@v.test"))
    }
  }
}
