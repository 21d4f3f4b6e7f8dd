import AccessPolicy
import AddressRewriting
import Configuration
import LookupTables
import MailSite
import MailTypes
import Primitives
import SMTPGrammar
import SMTPServerCore
import ServiceKit
import Testing

@testable import SMTPReceiver

/// From the text of a configuration to what a listener does.
@Suite struct ListenerRulesTests {
  private func rules(_ text: String) throws -> ListenerRules {
    let main = MainFile(Array("local_recipient_maps =\n\(text)".utf8), file: "main.cf")
    let host = HostFacts(hostname: "mx.example.org", interfaces: [])
    let evaluation = Configuration.evaluate(main, host: host)
    try #require(!evaluation.hasErrors)
    let tables = TableOpener { _ in nil }
    let site = try MailSite(evaluation.configuration, ownAddresses: [], tables: tables)
    let exceptions = try ClientExceptions(evaluation.configuration, tables: tables)
    return try ListenerRules(
      evaluation.configuration, logName: "postfix", site: site,
      clientLimits: ClientLimits(
        evaluation.configuration, service: "smtp", exceptions: exceptions))
  }

  private func refusal(_ rules: ListenerRules, from client: String, to recipient: String) async
    -> SMTPReply?
  {
    var history = AccessHistory()
    let request = AccessRequest(
      clientAddress: IPAddress(client)!, sender: MailAddress("a@b.example"),
      recipient: MailAddress(recipient))
    return await rules.access.judge(.recipient, request, &history).refusal
  }

  @Test func onlyOurNetworksMayRelay() async throws {
    let rules = try rules(
      """
      compatibility_level = 3.6
      mynetworks = 127.0.0.0/8
      mydestination = example.org
      """)
    #expect(await refusal(rules, from: "127.0.0.1", to: "x@far.example") == nil)
    #expect(await refusal(rules, from: "192.0.2.7", to: "x@example.org") == nil)
    let denied = await refusal(rules, from: "192.0.2.7", to: "x@far.example")
    #expect(denied?.logText == "454 4.7.1 <x@far.example>: Relay access denied")
  }

  @Test func aliasesAreForListenersThatMapAddresses() throws {
    let main = "virtual_alias_maps = inline:{a=b}\n"
    #expect(try rules(main).rewriting.expandsRecipients)
    #expect(
      try !rules(main + "receive_override_options = no_address_mappings\n")
        .rewriting.expandsRecipients)
  }

  @Test func limitsOfClientsExceptWhoIsTrusted() async throws {
    let usual = try #require(
      try rules("compatibility_level = 3.6\nmynetworks = 192.0.2.0/24\n").clientLimits)
    #expect(usual.sessions == 50)
    #expect(usual.rates == [0, 0, 0, 0, 0])
    #expect(await usual.isExcepted(IPAddress("192.0.2.7")!, "unknown"))
    #expect(await !usual.isExcepted(IPAddress("198.51.100.7")!, "unknown"))
    let own = try #require(
      try rules(
        """
        compatibility_level = 3.6
        mynetworks = 192.0.2.0/24
        smtpd_client_connection_count_limit = 0
        smtpd_client_connection_rate_limit = 1
        smtpd_client_message_rate_limit = 2
        smtpd_client_recipient_rate_limit = 3
        smtpd_client_new_tls_session_rate_limit = 4
        smtpd_client_auth_rate_limit = 5
        smtpd_client_event_limit_exceptions = .friends.example
        """
      ).clientLimits)
    #expect(own.rates == [1, 2, 3, 4, 5])
    #expect(await !own.isExcepted(IPAddress("192.0.2.7")!, "unknown"))
    #expect(await own.isExcepted(IPAddress("198.51.100.7")!, "mx.friends.example"))
    let none = try rules("compatibility_level = 3.6\nsmtpd_client_connection_count_limit = 0\n")
    #expect(none.clientLimits == nil)
  }

  @Test func parametersBecomeSettings() throws {
    let rules = try rules(
      """
      compatibility_level = 3.6
      myhostname = mx.example.org
      smtpd_banner = $myhostname ESMTP here
      message_size_limit = 4000
      smtpd_timeout = 7s
      smtpd_min_data_rate = 9
      hopcount_limit = 3
      smtpd_forbid_bare_newline = reject
      smtpd_forbid_bare_newline_reject_code = 521
      smtpd_hard_error_limit = 5
      smtpd_forbidden_commands = FOO
      """)
    #expect(rules.settings.banner == "mx.example.org ESMTP here")
    #expect(rules.settings.messageSizeLimit == 4000)
    #expect(rules.timeout == .seconds(7))
    #expect(rules.dataRateMin == 9)
    #expect(rules.hopCountMax == 3)
    #expect(rules.bareNewlines == .reject)
    #expect(rules.settings.bareNewlineRejectCode == 521)
    #expect(rules.settings.hardErrorLimit == 5)
    #expect(rules.settings.forbiddenCommands == ["FOO"])
    #expect(!rules.settings.forbidsNonLetters)
    #expect(rules.tag == Array("smtpd".utf8))
  }

  @Test func defaultsForbidWhatIsNoCommand() throws {
    let rules = try rules("compatibility_level = 3.6")
    #expect(rules.settings.forbiddenCommands == ["CONNECT", "GET", "POST"])
    #expect(rules.settings.forbidsNonLetters)
    #expect(rules.settings.bareNewlineRejectCode == nil)
    #expect(rules.bareNewlines == .normalize)
  }

  @Test func aListenerHasItsOwnLogTag() throws {
    let rules = try rules("compatibility_level = 3.6\nsyslog_name = postfix/submission")
    #expect(rules.tag == Array("submission/smtpd".utf8))
  }

  @Test func restrictionsThatLetEverybodyRelayAreRefused() throws {
    #expect(throws: RoleFailure.self) {
      try rules(
        "smtpd_relay_restrictions = permit_mynetworks\nsmtpd_recipient_restrictions = permit")
    }
    #expect(throws: RoleFailure.self) { try rules("smtpd_relay_restrictions = reject_everyone") }
  }
}
