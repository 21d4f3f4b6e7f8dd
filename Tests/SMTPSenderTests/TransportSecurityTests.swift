import Configuration
import LinuxSystem
import LookupTables
import MailTypes
import Primitives
import QueueFormat
import Reactor
import ServiceKit
import SystemPackage
import TLSPolicy
import TestSupport
import Testing

@testable import SMTPSender

/// What is kept of policies when each destination has its own.
@Suite struct TransportSecurityTests {
  init() { Reactor.startThread() }

  private static let destinations = 1500

  private func destination(_ route: String) throws -> AskedDestination {
    try #require(AskedDestination(firstIn: route, myhostname: "mx.test"))
  }

  @ReactorActor private func security() throws -> TransportSecurity {
    let entries = (0..<Self.destinations).map {
      "{d\($0).test = secure match=mx\($0).test}"
    }
    return try security(
      "smtp_tls_policy_maps = inline:{ \(entries.joined(separator: " ")) }\n", log: "/dev/null")
  }

  @ReactorActor private func security(_ text: String, log: String) throws -> TransportSecurity {
    let main = MainFile(Array("myhostname = mx.test\n\(text)".utf8), file: "main.cf")
    let evaluation = Configuration.evaluate(
      main, host: HostFacts(hostname: "mx", interfaces: []))
    try #require(!evaluation.hasErrors, "\(evaluation.diagnostics)")
    let log = Log(
      try Files.open(log, [.write, .create, .append]), kind: .lines, capacity: 1 << 10,
      hostName: "mx",
      syslogName: "postfix", facility: 2)
    return TransportSecurity(
      try ClientTLS(
        evaluation.configuration, material: KeyMaterial(), opener: TableOpener { _ in nil }),
      logins: nil, log: log, tag: Array("smtp".utf8))
  }

  private func request(to nextHop: String) -> DeliveryRequest {
    DeliveryRequest(
      id: 1, queueID: QueueID(microseconds: 1_700_000_000_000_000, sequence: 1),
      nonce: Nonce(high: 1, low: 2), offset: 0, transport: "smtp", nextHop: nextHop,
      sender: .null, recipients: [], arrival: WallTime(microseconds: 0),
      activated: WallTime(microseconds: 0), dispatched: WallTime(microseconds: 0))
  }

  @ReactorActor
  private func key(_ agreement: TransportSecurity.Agreement) -> TLSSessionCache.Key {
    TLSSessionCache.Key(
      policy: agreement.identity, host: "mx", address: "192.0.2.1", port: 25,
      destination: "d")
  }

  @Test @ReactorActor func aPolicyThatIsMadeAnewIsTheSame() async throws {
    let security = try security()
    let first = try await security.agreement(for: destination("d0.test"))
    let others = try await security.agreement(for: destination("d1.test"))
    for number in 1..<Self.destinations {
      _ = try await security.agreement(for: destination("d\(number).test"))
    }
    #expect(security.agreementCount <= 1000)
    let again = try await security.agreement(for: destination("d0.test"))
    #expect(again !== first)
    #expect(again.context === first.context)
    #expect(key(again) == key(first))
    #expect(key(again) != key(others))
    let request = request(to: "d0.test")
    let old = DestinationKey(request, first, login: nil)
    #expect(DestinationKey(request, again, login: nil) == old)
    #expect(DestinationKey(request, again, login: nil).hashValue == old.hashValue)
    #expect(DestinationKey(request, others, login: nil) != old)
  }

  private struct SocketCase {
    let settings: String
    var path = "/s"
    let level: ClientTLSPolicy.Level
    let elsewhere: ClientTLSPolicy.Level
    var isWarned = false
  }

  private static let entries =
    "smtp_tls_policy_maps = inline:{ {/s = encrypt} {unix:/t = encrypt} }"

  private static let sockets = [
    SocketCase(
      settings: "smtp_tls_security_level = may", level: .none, elsewhere: .may, isWarned: true),
    SocketCase(settings: "smtp_tls_security_level = encrypt", level: .encrypt, elsewhere: .encrypt),
    SocketCase(
      settings: "smtp_tls_policy_maps = inline:{ {/s = may} }", level: .none, elsewhere: .none,
      isWarned: true),
    SocketCase(settings: entries, level: .encrypt, elsewhere: .none),
    SocketCase(settings: entries, path: "/t", level: .none, elsewhere: .none),
  ]

  @Test(arguments: sockets) @ReactorActor
  private func aSocketOfThisMachineNeedsNoOpportunisticTLS(_ socket: SocketCase) async throws {
    let folder = try TemporaryDirectory()
    let security = try security(socket.settings + "\n", log: folder.path("log"))
    let known = security.agreementNow(for: "unix:\(socket.path)")
    let agreement = try await security.agreement(for: destination("unix:\(socket.path)"))
    #expect(agreement.policy.level == socket.level)
    #expect(known == nil || known === agreement)
    let other = try await security.agreement(for: destination("sink.test"))
    #expect(other.policy.level == socket.elsewhere)
    await Reactor.shared.yieldTurn()
    let said = try Files.readWhole(folder.path("log"), limit: 1 << 16)
    let warning = "opportunistic TLS encryption is not appropriate for unix-domain destinations."
    #expect(String(decoding: said, as: UTF8.self).contains(warning) == socket.isWarned)
  }
}
