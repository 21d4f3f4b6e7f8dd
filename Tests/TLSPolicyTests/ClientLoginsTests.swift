import Configuration
import LookupTables
import MailTypes
import SASL
import Testing

@testable import TLSPolicy

struct ClientLoginsTests {
  private static let table = """
    [mail.test]:587 carol:c
    mail.test dave:d:e
    bad :
    """

  private func configuration(_ text: String) -> Configuration {
    let all = "smtp_sasl_auth_enable = yes\n" + text
    let evaluation = Configuration.evaluate(
      MainFile(Array(all.utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx.test", interfaces: []))
    #expect(!evaluation.hasErrors, "\(evaluation.diagnostics)")
    return evaluation.configuration
  }

  private func material(_ configuration: Configuration) throws(TLSPolicyError) -> KeyMaterial {
    try KeyMaterial(ofClients: [configuration]) { _ in
      .success([])
    } read: { path, _ in
      path == "/passwords"
        ? .success(Array(Self.table.utf8)) : .failure(.init("No such file or directory"))
    }
  }

  private func logins(_ text: String) throws -> ClientLogins {
    let configuration = configuration(text)
    let material = try material(configuration)
    let copy = try #require(KeyMaterial(serialized: material.serialized()))
    return try #require(
      try ClientLogins(configuration, opener: TableOpener { copy.contents[$0] }))
  }

  @Test(arguments: [
    "hash:/passwords", "proxy:texthash:/passwords", "unionmap:{static:{dave:d:e},hash:/passwords}",
  ])
  func filesComeFromWhoeverMayReadThem(tables: String) async throws {
    let logins = try logins("smtp_sasl_password_maps = inline:{x=y}, \(tables)\n")
    let answer = try await logins.login(for: "mail.test", nextHop: "mail.test")
    let login = try #require(answer.login)
    #expect(login.user == Array("dave".utf8))
  }

  @Test(arguments: [
    ("own@sender.test", "dave"), ("Own+x@sender.test", "dave"), ("any@whole.test", "carol"),
    ("joe@here.test", "eve"), ("joe@there.test", "server"), ("", "server"),
  ])
  func aSenderMayHaveALoginOfItsOwn(_ sender: String, _ user: String) async throws {
    let entries = "own@sender.test=dave:d, @whole.test=carol:c, joe=eve:e, mail.test=server:s"
    let text = """
      smtp_sasl_password_maps = inline:{\(entries)}
      recipient_delimiter = +
      mydestination = here.test

      """
    let logins = try logins(text + "smtp_sender_dependent_authentication = yes\n")
    let answer = try await logins.login(
      for: "mail.test", nextHop: "mail.test", sender: MailAddress(sender))
    #expect(answer.login?.user == Array(user.utf8))
    let usual = try await self.logins(text).login(
      for: "mail.test", nextHop: "mail.test", sender: MailAddress(sender))
    #expect(usual.login?.user == Array("server".utf8))
  }

  @Test func theServersNameIsAskedBeforeTheNextHop() async throws {
    let logins = try logins("smtp_sasl_password_maps = btree:/passwords\n")
    for (host, nextHop, user) in [
      ("mail.test", "[mail.test]:587", "dave"), ("192.0.2.1", "[mail.test]:587", "carol"),
      ("192.0.2.1", "[mail.test]:25", nil),
    ] {
      let answer = try await logins.login(for: host, nextHop: nextHop)
      #expect(answer.login?.user == user.map { Array($0.utf8) })
    }
  }

  @Test func aProblemDoesNotTellThePassword() async throws {
    for (tables, host) in [("hash:/passwords", "bad"), ("fail:opensesame", "x")] {
      let logins = try logins("smtp_sasl_password_maps = \(tables)\n")
      let problem = await #expect(throws: ClientLogins.Problem.self) {
        try await logins.login(for: host, nextHop: host)
      }
      #expect(problem?.warning.contains("opensesame") == false)
    }
    let broken = configuration("smtp_sasl_password_maps = inline:{ x opensesame }\n")
    let error = #expect(throws: TLSPolicyError.self) {
      try ClientLogins(broken, opener: TableOpener { _ in nil })
    }
    #expect(error.map { "\($0)".contains("opensesame") } == false)
  }

  @Test func whatCannotBeReadIsNamed() {
    let error = #expect(throws: TLSPolicyError.self) {
      try material(configuration("smtp_sasl_password_maps = hash:/missing\n"))
    }
    #expect(
      error?.description
        == "smtp_sasl_password_maps: cannot read /missing: No such file or directory")
  }

  @Test(arguments: [
    ("", ["CRAM-MD5", "LOGIN", "PLAIN"]), ("plain, login", ["LOGIN", "PLAIN"]),
    ("!login, static:rest", ["CRAM-MD5", "PLAIN"]), ("gssapi", []),
  ])
  func theFilterSaysWhichMechanismsMayBeUsed(filter: String, names: [String]) async throws {
    let logins = try logins(
      "smtp_sasl_password_maps = static:u:p\nsmtp_sasl_mechanism_filter = \(filter)\n")
    let answer = try await logins.login(for: "x", nextHop: "x")
    #expect(answer.rules.mechanisms.sorted() == names)
    #expect(answer.rules.isSoft)
  }

  @Test func nobodyLogsInUnlessToldTo() throws {
    let configuration = configuration("smtp_sasl_auth_enable = no\n")
    let logins = try ClientLogins(configuration, opener: TableOpener { _ in nil })
    #expect(logins == nil)
  }
}
