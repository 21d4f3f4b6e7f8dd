import AccessPolicy
import AddressRewriting
import Configuration
import LookupTables
import MailTypes
import Primitives
import Routing
import Testing

@testable import MailSite

/// `alias_maps` as the processes of a site use it.
struct LocalAliasTests {
  private static let files = [
    "/aliases": """
    root: admin, far@far.test
    pipe: "|command"
    file: /var/mail/all
    both: pipe, admin
    """
  ]

  private static func site(_ more: String = "") throws -> MailSite {
    let text = """
      myhostname = mx.home.test
      mydestination = $myhostname
      local_recipient_maps =
      alias_maps = hash:/aliases
      compatibility_level = 3.6
      \(more)

      """
    let evaluation = Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx.home.test", interfaces: []))
    #expect(!evaluation.hasErrors)
    return try MailSite(
      evaluation.configuration, ownAddresses: [],
      tables: TableOpener { path in files[path].map { Array($0.utf8) } })
  }

  private static func recipients(of address: String, at site: MailSite) async throws -> [String] {
    try await site.rewriting().recipients(for: MailAddress(address)).map(\.address.description)
  }

  @Test func aliasesAreForRecipientsOfTheLocalTransport() async throws {
    let site = try Self.site()
    let expanded = ["admin@mx.home.test", "far@far.test"]
    #expect(try await Self.recipients(of: "root@mx.home.test", at: site) == expanded)
    #expect(try await Self.recipients(of: "root%mx.home.test@mx.home.test", at: site) == expanded)
    #expect(try await Self.recipients(of: "root@else.test", at: site) == ["root@else.test"])
    let mapped = try Self.site(
      "transport_maps = inline:{ {here.test=local:} {root@mx.home.test=smtp:[192.0.2.1]} }")
    #expect(try await Self.recipients(of: "root@here.test", at: mapped) == expanded)
    #expect(
      try await Self.recipients(of: "root@mx.home.test", at: mapped) == ["root@mx.home.test"])
    let passed = try Self.site("mailbox_transport = lmtp:unix:/run/lmtp")
    #expect(try await Self.recipients(of: "root@mx.home.test", at: passed) == expanded)
    #expect(
      try await passed.router.resolve(MailAddress("admin@mx.home.test")).transport == "lmtp")
    // Commands of aliases come before it.
    #expect(
      try await passed.router.resolveProgram(of: MailAddress("pipe@mx.home.test")).transport
        == "local")
    let other = try Self.site("local_transport = smtp:[192.0.2.1]")
    #expect(try await Self.recipients(of: "root@mx.home.test", at: other) == ["root@mx.home.test"])
  }

  @Test func mailForOthersIsNotAskedFor() throws {
    let rewriting = try Self.site().rewriting()
    #expect(rewriting.mayBeLocalAlias(MailAddress("root@MX.home.test")))
    #expect(rewriting.mayBeLocalAlias(MailAddress("root@[192.0.2.1]")))
    #expect(!rewriting.mayBeLocalAlias(MailAddress("root@else.test")))
    #expect(!rewriting.expandsRecipients)
    #expect(
      try !Self.site("alias_maps =").rewriting().mayBeLocalAlias(MailAddress("root@mx.home.test")))
  }

  @Test(arguments: ["pipe", "file"])
  func mailForACommandIsTakenAndGoesToTheLocalTransport(_ name: String) async throws {
    let site = try Self.site()
    let address = "\(name)@mx.home.test"
    let policy = try site.accessPolicy { _ in }
    var history = AccessHistory()
    let request = AccessRequest(
      clientAddress: try #require(IPAddress("192.0.2.9")), sender: MailAddress("s@src.test"),
      recipient: MailAddress(address))
    #expect(await policy.judge(.recipient, request, &history).refusal == nil)
    let found = try await site.rewriting().recipients(for: MailAddress(address))
    #expect(found.map(\.address) == [MailAddress(address)])
    guard case .program(let place) = found.first?.kind else {
      Issue.record("a command or a file is meant")
      return
    }
    #expect(place.index == 0 && place.count == 1 && place.flags == 0 && place.checksum != nil)
    #expect(
      try await site.router.resolveProgram(of: MailAddress(address)).transport == "local")
    let elsewhere = try await site.router.resolveProgram(of: MailAddress("\(name)@else.test"))
    #expect(elsewhere.transport == "retry")
    #expect(elsewhere.verdict?.status == EnhancedStatus(4, 3, 5))
  }

  @Test func tablesThatWereNamedHaveToBeThere() throws {
    #expect(try Self.site().warnings.isEmpty)
    #expect(throws: MailSiteError.self) { try Self.site("alias_maps = hash:/nowhere") }
  }

  @Test func tablesThatDoNotAnswerPutMailOff() async throws {
    let site = try Self.site("alias_maps = fail:now")
    await #expect(throws: (any Error).self) {
      try await Self.recipients(of: "root@mx.home.test", at: site)
    }
    #expect(try await Self.recipients(of: "root@else.test", at: site) == ["root@else.test"])
  }
}
