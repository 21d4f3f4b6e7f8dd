import AddressRewriting
import Configuration
import Foundation
import LinuxSystem
import LookupTables
import MailTypes
import Primitives
import QueueFormat
import ServiceKit
import TestSupport
import Testing

@testable import LocalDelivery

/// What of an alias is run or written, and with whose rights.
struct AliasProgramsTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory(prefix: "programs") }

  private static let table = """
    two: "|first 'a b'", user@far.test, /var/spool/two
    listed: :include:FOLDER/list
    both: :include:FOLDER/one, :include:FOLDER/two
    tag+x: "|tagged"
    tag: "|other"

    """

  /// - Parameter owner: who owns the table.
  private func programs(_ more: String = "", owner: UInt32 = 0) throws -> AliasPrograms {
    let text = "recipient_delimiter = +\nalias_maps = hash:/aliases\n\(more)\n"
    let configuration = Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"), host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    let table = Self.table.replacing("FOLDER", with: folder.path)
    let opener = TableOpener(
      readOwned: { _ in (Array(table.utf8), owner: owner) }, worker: DirectWorker(),
      takesGroups: false)
    return try AliasPrograms(configuration, opener: opener)
  }

  private func find(
    _ alias: String, _ index: UInt32, of count: UInt32, isInFile: Bool = false,
    isBare: Bool = false, says text: String? = nil, in programs: AliasPrograms
  ) async throws -> AliasPrograms.Program {
    let place = AliasProgramPlace(
      index: index, count: count, isInFile: isInFile, isBare: isBare,
      checksum: text.map { IncludedItems.Item(text: Array($0.utf8), owner: 0).checksum })
    let address = MailAddress("\(alias)@mx.test")
    let entry = try await programs.entry(of: address, place)
    return try programs.program(of: address, place, in: entry)
  }

  private func verdict(_ body: () async throws -> AliasPrograms.Program) async -> LocalVerdict? {
    do {
      let found = try await body()
      Issue.record("\(found) was found")
      return nil
    } catch {
      return (error as? NoDelivery)?.verdict
    }
  }

  @Test func aProgramIsFoundByItsPlace() async throws {
    for owner in [0, 1234] as [UInt32] {
      let programs = try programs(owner: owner)
      #expect(
        try await find("two", 0, of: 2, in: programs)
          == .init(text: "|first 'a b'", owner: owner))
      #expect(
        try await find("Two", 1, of: 2, in: programs)
          == .init(text: "/var/spool/two", owner: owner))
      #expect(
        try await find("two+x", 1, of: 2, isBare: true, in: programs).text == "/var/spool/two")
      #expect(try await find("tag+x", 0, of: 1, in: programs).text == "|tagged")
      #expect(try await find("tag+x", 0, of: 1, isBare: true, in: programs).text == "|other")
    }
  }

  @Test func anAliasThatHasChangedPutsItsMailOff() async throws {
    let programs = try programs()
    for (alias, index, count) in [
      ("two", 0, 1), ("two", 0, 3), ("two", 2, 2), ("gone", 0, 1), ("user@far.test", 0, 1),
    ] as [(String, UInt32, UInt32)] {
      let found = await verdict { try await find(alias, index, of: count, in: programs) }
      #expect(found?.outcome == .deferred && found?.status == EnhancedStatus(4, 3, 5))
    }
  }

  /// The alias was edited while mail waited: nobody's command runs for another's mail.
  @Test func aCommandThatSaysSomethingElsePutsItsMailOff() async throws {
    let programs = try programs()
    #expect(
      try await find("two", 0, of: 2, says: "|first 'a b'", in: programs).text == "|first 'a b'")
    // Its neighbour went away, or changed places with it.
    for (index, count) in [(0, 1), (0, 2), (2, 3)] as [(UInt32, UInt32)] {
      #expect(
        try await find("two", index, of: count, says: "/var/spool/two", in: programs).text
          == "/var/spool/two")
    }
    let found = await verdict { try await find("two", 0, of: 2, says: "|old", in: programs) }
    #expect(found?.outcome == .deferred && found?.status == EnhancedStatus(4, 3, 5))
  }

  @Test func whereCommandsAndFilesMayStandIsSaid() async throws {
    try folder.write("|listed\n/listed/file\n", to: "list")
    let forbidden = [
      LocalVerdict.failed(EnhancedStatus(5, 7, 1), "mail to command is restricted"),
      .failed(EnhancedStatus(5, 7, 1), "mail to file is restricted"),
    ]
    for (index, verdict) in forbidden.enumerated() {
      let index = UInt32(index)
      let byDefault = try programs()
      #expect(
        await self.verdict {
          try await find("listed", index, of: 2, isInFile: true, in: byDefault)
        } == verdict)
      let none = try programs("allow_mail_to_commands =\nallow_mail_to_files = forward")
      #expect(await self.verdict { try await find("two", index, of: 2, in: none) } == verdict)
    }
    let all = try programs("allow_mail_to_commands = include\nallow_mail_to_files = include")
    #expect(
      try await find("listed", 1, of: 2, isInFile: true, in: all)
        == .init(text: "/listed/file", owner: Identity.uid))
  }

  /// The file is read with the superuser's rights, and what stands in it may end in a report.
  @Test(.enabled(if: getuid() == 0)) func aTableIncludesFilesOfItsOwnerOnly() async throws {
    let path = try folder.write("|listed\n", to: "list")
    let programs = try programs("allow_mail_to_commands = include", owner: 1234)
    let found = await verdict {
      try await find("listed", 0, of: 1, isInFile: true, in: programs)
    }
    #expect(found?.outcome == .deferred)
    #expect(chown(path, 1234, 1234) == 0)
    #expect(
      try await find("listed", 0, of: 1, isInFile: true, in: programs)
        == .init(text: "|listed", owner: 1234))
  }

  /// Each runs the same words with its own rights.
  @Test(.enabled(if: getuid() == 0)) func filesOfTwoUsersHaveACommandEach() async throws {
    var places: [AliasProgramPlace] = []
    for (index, (name, uid)) in [("one", 1234), ("two", 5678)].enumerated() {
      let path = try folder.write("\"|procmail\"\n", to: name)
      #expect(chown(path, uid_t(uid), gid_t(uid)) == 0)
      let item = IncludedItems.Item(
        text: Array("|procmail".utf8), owner: 0, path: Array(path.utf8))
      places.append(
        AliasProgramPlace(
          index: UInt32(index), count: 2, isInFile: true, isBare: false, checksum: item.checksum))
    }
    let programs = try programs("allow_mail_to_commands = include")
    let alias = MailAddress("both@mx.test")
    var found: [AliasPrograms.Program] = []
    for place in places {
      let entry = try await programs.entry(of: alias, place)
      found.append(try programs.program(of: alias, place, in: entry))
    }
    #expect(
      found == [.init(text: "|procmail", owner: 1234), .init(text: "|procmail", owner: 5678)])
  }

  @Test func aPartOfAnAddressIsNoPartOfACommand() {
    let text = "alias_maps = pcre:{ {/^(.*)$$/ |command $$1} }\n"
    let configuration = Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"), host: HostFacts(hostname: "mx", interfaces: [])
    ).configuration
    #expect(throws: LookupError.self) {
      try AliasPrograms(
        configuration,
        opener: TableOpener(takesGroups: false) { _ in nil })
    }
  }

  private static let segment = Array("Subject: x\r\n\r\nbody\r\n".utf8)

  /// The order for a program of an alias, with rights as they are given.
  private func order(
    _ alias: String, _ index: UInt32, of count: UInt32, owner: UInt32 = 0,
    rights: ProgramWork.Rights = ProgramWork.Rights(), settings: LocalAgent.Settings = .init()
  ) async throws -> DeliverOrder? {
    let id = QueueID(microseconds: 1, sequence: 1)
    let time = WallTime(microseconds: 1)
    let envelope = Envelope(
      sender: MailAddress("a@example.org"), recipients: [], arrival: time)
    var envelopeBytes: [UInt8] = []
    envelope.encode(into: &envelopeBytes)
    let nonce = Nonce(high: 1, low: 2)
    var lead = RecordLead(id: id, flags: [])
    lead.nonce = nonce
    lead.headerInRecord = Extent(offset: UInt64(RecordLead.size), length: 14)
    lead.bodyInRecord = Extent(offset: lead.headerInRecord.end, length: 6)
    lead.envelopeInRecord = Extent(
      offset: lead.bodyInRecord.end, length: UInt64(envelopeBytes.count))
    lead.length = 1024
    var bytes = [UInt8](repeating: 0, count: RecordLead.size)
    bytes.withUnsafeMutableBytes { lead.encode(into: $0) }
    let file = try Files.sealedMemory(
      "segment", content: bytes + Self.segment + envelopeBytes)
    let programs = try programs(owner: owner)
    var settings = settings
    settings.expansionFilter = Set(UInt8(ascii: "!")...UInt8(ascii: "~"))
    let place = AliasProgramPlace(index: index, count: count, isInFile: false, isBare: false)
    let address = MailAddress("\(alias)@mx.test")
    var recipient = DeliveryRecipient(index: 0, address: address)
    recipient.program = place
    let work = ProgramWork(
      agent: LocalAgent(settings: settings, names: MaildirName(host: "mx.test", pid: 1)),
      programs: programs, rights: rights, entry: try await programs.entry(of: address, place),
      request: DeliveryRequest(
        id: 1, queueID: id, nonce: nonce, offset: 0, transport: "local", nextHop: "mx.test",
        sender: envelope.sender, recipients: [recipient], arrival: time, activated: time,
        dispatched: time),
      recipient: recipient, place: place, segment: SharedDescriptor(file))
    guard case .asUser(let order, _) = try work.begin() else { return nil }
    return order
  }

  @Test(.enabled(if: getuid() == 0)) func rightsAreThoseOfWhoNamedTheProgram() async throws {
    let nobody = try #require(getpwnam("nobody")?.pointee)
    let spare = try #require(getpwnam("games")?.pointee)
    let ofRoot = try #require(try await order("two", 0, of: 2))
    #expect(ofRoot.account.uid == nobody.pw_uid && ofRoot.account.gid == nobody.pw_gid)
    guard case .command(let command) = ofRoot.destination else {
      Issue.record("a command is run")
      return
    }
    #expect(command.words == .line("first 'a b'"))
    #expect(command.success == "delivered to command: first 'a b'")
    #expect(command.environment.contains("USER=two"))
    #expect(!command.environment.contains { $0.hasPrefix("HOME=") || $0.hasPrefix("SHELL=") })
    let ofSpare = try #require(try await order("two", 1, of: 2, owner: spare.pw_uid))
    #expect(ofSpare.account.uid == spare.pw_uid && ofSpare.account.gid == spare.pw_gid)
    guard case .file("/var/spool/two", _) = ofSpare.destination else {
      Issue.record("a file is written")
      return
    }
    let withHome = try #require(try await order("two", 0, of: 2, owner: spare.pw_uid))
    guard case .command(let own) = withHome.destination else { return }
    #expect(own.environment.contains("HOME=\(String(cString: spare.pw_dir))"))
    #expect(own.environment.contains("LOGNAME=two"))
  }

  @Test(.enabled(if: getuid() == 0)) func nothingHasTheRightsOfTheMailSystem() async throws {
    for (owner, rights) in [
      (0, ProgramWork.Rights(defaultUser: "root")),
      (0, ProgramWork.Rights(defaultUser: "no-such-account")),
      (0, ProgramWork.Rights(defaultUser: "games", mailOwner: "games")),
      (1_234_567, ProgramWork.Rights()),
    ] as [(UInt32, ProgramWork.Rights)] {
      let error = await #expect(throws: NoDelivery.self) {
        try await order("two", 0, of: 2, owner: owner, rights: rights)
      }
      #expect(error?.verdict == .misconfigured && error?.warning != nil)
    }
  }

  @Test func aCommandRunsWhereAndHowTheConfigurationSays() async throws {
    var settings = LocalAgent.Settings()
    settings.recipientDelimiters = Array("+".utf8)
    settings.commandShell = ["/bin/guard", "-c"]
    settings.directoryFilter = Set("abcdefghijklmnopqrstuvwxyz/".utf8)
    settings.commandDirectory = MacroTemplate("/srv/${user}/${extension:none}/$domain")
    var rights = ProgramWork.Rights()
    rights.mailOwner = "no-such-account"
    let order = try #require(
      try await order("two", 0, of: 2, rights: rights, settings: settings))
    guard case .command(let command) = order.destination else { return }
    #expect(command.words == .line("first 'a b'", shell: ["/bin/guard", "-c"]))
    #expect(command.directory == "/srv/two/none/mx_test")
  }
}
