import AccessPolicy
import AddressRewriting
import Foundation
import LinuxSystem
import LookupTables
import MailSite
import MailTypes
import Primitives
import QueueFormat
import Reactor
import SMTPServerCore
import ServiceKit
import Streams
import SystemPackage
import TLSPolicy
import TestSupport

@testable import SMTPReceiver

/// Sessions over socket pairs with a spool in memory and a log in a file.
@ReactorActor
final class Fixture {
  let spool: MemorySpool
  let intake: Intake
  let sessions: SessionTable
  let room: SessionRoom
  let rules: ListenerRules
  private let directory: TemporaryDirectory

  init(
    spool realSpool: (any MessageSpool)? = nil, sessionLimit: Int = 100, bodyMemory: Int = 64 << 20,
    spillLimit: Int = 1 << 30, writeTimeout: Duration = .seconds(300),
    timeout: Duration = .seconds(600), dataRateMin: Int = 500, tls: ServerTLS = .off,
    debugPeer: IPAddress? = nil, softBounce: Bool = false,
    authentication: AuthenticationRules? = nil,
    logsClientPort: Bool = false, contentFilter: String = "", milters: SiteMilters? = nil,
    aliases: [String] = [], localAliases: [String] = [], footer: RejectFooter? = nil,
    commandFilter: TableSet? = nil, notices: SessionNotices? = nil,
    change: (inout SMTPServerSettings) -> Void = { _ in },
    access: (inout AccessSettings) -> Void = { _ in }
  ) throws {
    var settings = SMTPServerSettings(
      myhostname: "mx.example.org", banner: "mx.example.org ESMTP Martinet")
    settings.errorSleepTime = .milliseconds(10)
    settings.asksAboutHelo = milters != nil
    change(&settings)
    directory = try TemporaryDirectory()
    let file = try Files.open(directory.path("log"), [.write, .append, .create])
    let log = Log(
      file, kind: .lines, capacity: 1 << 20, hostName: "mx", syslogName: "postfix", facility: 2)
    spool = MemorySpool()
    intake = Intake(
      spool: realSpool ?? spool, log: log,
      memory: BodyMemory(limit: bodyMemory, spillLimit: spillLimit),
      page: LifePage(try SharedPage.make("smtpd").page), refusedClients: RefusedClients(limit: 10),
      writeTimeout: writeTimeout)
    sessions = SessionTable(intake: intake)
    room = SessionRoom(limit: sessionLimit)
    var isPeer: ListenerRules.DebugPeers?
    if let debugPeer { isPeer = { $0.address == debugPeer } }
    rules = ListenerRules(
      smtp: SMTPServerRules(settings), timeout: timeout, dataRateMin: dataRateMin,
      debugPeers: isPeer, softBounce: softBounce, logsClientPort: logsClientPort, tls: tls,
      access: try FixtureSite.policy(access), authentication: authentication,
      contentFilter: contentFilter, milters: milters,
      rewriting: try FixtureSite.rewriting(aliases, local: localAliases), footer: footer,
      commandFilter: commandFilter, notices: notices)
  }

  /// Connects a client, whose greeting has been read.
  func connect(from address: String = "192.0.2.7") async throws -> TestClient {
    let client = try connectSilently(from: address)
    _ = try await client.replies(1)
    return client
  }

  /// Connects a client that has read nothing.
  func connectSilently(from address: String = "192.0.2.7") throws -> TestClient {
    var pair = try Sockets.streamPair()
    let client = TestClient(try ByteStream(pair.takeFirst()))
    sessions.begin(
      pair.takeSecond(), from: .ip(IPAddress(address)!, port: 4321), rules: rules,
      room: room)
    return client
  }

  /// The log so far, each line from its tag on, without the number of the process.
  func logLines() throws -> [String] {
    intake.log.flush()
    let text = String(decoding: try directory.read("log"), as: UTF8.self)
    return text.split(separator: "\n").map { line in
      let parts = line.split(separator: "postfix/", maxSplits: 1)
      let tail = parts.last ?? line
      let tag = tail.prefix { $0 != "[" }
      return String(tag + tail.drop { $0 != "]" }.dropFirst())
    }
  }
}

/// A site that takes mail for everybody but elsewhere.example.
struct FixtureSite: SiteDirectory {
  func trusts(_ client: IPAddress) -> Bool { false }
  func isOwn(_ address: IPAddress) -> Bool { false }
  func isLocal(_ domain: String) -> Bool { false }
  func addressClass(of domain: String) -> DomainClass {
    domain == "elsewhere.example" ? .other : .relay
  }
  func isAlias(_ address: MailAddress) -> Bool { false }
  func failure(of address: MailAddress) -> DeliveryFailure? { nil }
  func lists(_ address: MailAddress, of addressClass: DomainClass) -> Bool { true }

  /// `virtual_alias_maps` and `alias_maps` of tables; addresses without a domain are
  /// `example.org`'s, whose mail is delivered here.
  static func rewriting(
    _ tables: [String], local: [String] = []
  ) throws -> EnvelopeRewriting {
    let resolver = AddressResolver(myhostname: "mx.example.org", myorigin: "example.org")
    let search = AddressSearch(
      try TableSet(tables, opener: opener), delimiters: "+"
    ) { domain in domain == "example.org" }
    return EnvelopeRewriting(
      resolver: resolver,
      aliases: AliasExpansion(
        "virtual_alias_maps", search, resolver: resolver, keepsExtension: true),
      localAliases: LocalAliases(
        try TableSet(local, opener: TableOpener { _ in nil }), resolver: resolver,
        settings: .init(),
        mayBeLocal: { $0.foldedDomain == "example.org" },
        delivery: { $0.foldedDomain == "example.org" ? $0 : nil }, readFile: { _ in [] }))
  }

  /// Opens `uncancelled:VALUE` beside the usual types.
  static var opener: TableOpener {
    var opener = TableOpener { _ in nil }
    opener.add(type: "uncancelled") { name, value in UncancelledTable(name: name, value: value) }
    return opener
  }

  static func policy(_ change: (inout AccessSettings) -> Void) throws -> AccessPolicy {
    var settings = AccessSettings(
      resolver: AddressResolver(myhostname: "mx.example.org"), opener: TableOpener { _ in nil })
    settings.restrictions = [.relay: ["reject_unauth_destination"]]
    change(&settings)
    return try AccessPolicy(settings, site: FixtureSite()) {
      try? await sleep(until: Reactor.shared.now + $0)
    }
  }
}

/// A table that answers with its value, but nobody who has been cancelled: as name services do.
private struct UncancelledTable: LookupTable {
  let name: String
  let value: String

  func find(_ key: [UInt8]) async throws(LookupError) -> [UInt8]? {
    if Task.isCancelled { throw .failed(table: name, reason: "cancelled") }
    return Array(value.utf8)
  }
}

/// The client's end of a session.
@ReactorActor
final class TestClient {
  struct Closed: Error {}

  let stream: ByteStream
  private var received: [UInt8] = []
  /// Pieces in which the server's bytes arrived.
  private(set) var reads = 0

  init(_ stream: ByteStream) { self.stream = stream }

  func send(_ text: String) async throws {
    try await stream.write(Array(text.utf8), deadline: Reactor.shared.now + .seconds(30))
  }

  /// Sends a line and gives the reply to it.
  func ask(_ line: String) async throws -> String {
    try await send(line + "\r\n")
    return try await replies(1).joined()
  }

  /// The next replies; the lines of one are joined by `|`.
  func replies(_ count: Int) async throws -> [String] {
    var replies: [String] = []
    var lines: [String] = []
    while replies.count < count {
      let line = try await nextLine()
      lines.append(line)
      if line.count < 4 || line[line.index(line.startIndex, offsetBy: 3)] != "-" {
        replies.append(lines.joined(separator: "|"))
        lines = []
      }
    }
    return replies
  }

  /// Everything that comes until the server closes the connection.
  func rest() async throws -> String {
    while try await fill() {}
    defer { received = [] }
    return String(decoding: received, as: UTF8.self)
  }

  private func nextLine() async throws -> String {
    while true {
      if let end = received.firstIndex(of: 10) {
        let line = String(decoding: received[..<max(end - 1, 0)], as: UTF8.self)
        received.removeSubrange(...end)
        return line
      }
      guard try await fill() else { throw Closed() }
    }
  }

  private func fill() async throws -> Bool {
    let deadline = Reactor.shared.now + .seconds(30)
    let more: Void? = try await stream.read(deadline: deadline) { received += $0 }
    reads += 1
    return more != nil
  }
}

/// The words of a list as `main.cf` writes them.
func words(_ text: String) -> [String] {
  let separates = { (byte: UInt8) in byte == UInt8(ascii: ",") || ASCII.isSpace(byte) }
  return (BracedWords.split(text.utf8, isSeparator: separates) ?? []).map {
    String(decoding: $0, as: UTF8.self)
  }
}
