import AccessPolicy
import AddressRewriting
import Configuration
import LookupTables
import MailTypes
import Primitives
import Routing
import Testing

@testable import MailSite

private func site(_ text: String) throws -> MailSite {
  let evaluation = Configuration.evaluate(
    MainFile(Array(text.utf8), file: "main.cf"),
    host: HostFacts(hostname: "mx.example.org", interfaces: []))
  #expect(!evaluation.hasErrors)
  let own = ["127.0.0.1", "192.0.2.1"].compactMap { IPAddress($0) }
  let files = [
    "/transport": "example.com lmtp:unix:/run/lmtp\n",
    "/aliases": "# aliases\nroot: admin\n\"two words\": |command\n",
  ]
  var tables = TableOpener { path in files[path].map { Array($0.utf8) } }
  // The accounts of the host that runs the test are no part of it.
  tables.add(type: "unix") { [tables] _, _ throws(LookupError) in
    try tables.open("inline:{root=x}")
  }
  return try MailSite(evaluation.configuration, ownAddresses: own, tables: tables)
}

private let main = """
  myhostname = mx.example.org
  mydestination = $myhostname, localhost
  mynetworks = 127.0.0.0/8 10.0.0.0/8
  relay_domains = relay.example
  local_recipient_maps =
  relayhost = [192.0.2.9]:2525
  transport_maps = texthash:/transport
  inet_interfaces = all
  compatibility_level = 3.6
  """

@Test func routesAgreeWithTheListsThatAccessIsJudgedBy() async throws {
  let site = try site(main)
  let rows = [
    ("a@mx.example.org", "local", "mx.example.org"), ("a@[192.0.2.1]", "local", "mx.example.org"),
    ("a@relay.example", "relay", "[192.0.2.9]:2525"),
    ("a@else.example", "smtp", "[192.0.2.9]:2525"),
    ("a@example.com", "lmtp", "unix:/run/lmtp"),
  ]
  for (address, transport, nextHop) in rows {
    let route = try await site.router.resolve(MailAddress(address))
    #expect(route.transport == transport && route.nextHop == nextHop, "\(address) \(route)")
  }
}

@Test func theSiteKnowsItsNetworksAndDomains() async throws {
  let site = try site(main)
  #expect(try await site.trusts(#require(IPAddress("10.1.2.3"))))
  #expect(try await !site.trusts(#require(IPAddress("192.0.2.77"))))
  #expect(try await site.isLocal("[127.0.0.1]"))
  #expect(try await !site.isLocal("[192.0.2.77]"))
  #expect(try await site.addressClass(of: "sub.relay.example") == .relay)
  #expect(try await site.addressClass(of: "xrelay.example") == .other)
  #expect(try await site.addressClass(of: "relay.example") == .relay)
}

@Test func ownAddressesAreThoseOfTheProtocolsInUse() async throws {
  let text = "inet_interfaces = 127.0.0.1, [::1]\n"
  for (protocols, v4, v6) in [("all", true, true), ("ipv4", true, false), ("ipv6", false, true)] {
    let some = try site(text + "inet_protocols = \(protocols)\n")
    #expect(try await some.isLocal("[127.0.0.1]") == v4, "\(protocols)")
    #expect(try await some.isLocal("[ipv6:::1]") == v6, "\(protocols)")
  }
}

@Test func aClientMayBeShownOtherKeywords() async throws {
  let keyed = try site(
    "smtpd_discard_ehlo_keyword_address_maps = inline:{ {192.0.2.7=dsn, etrn}, {192.0.2.8=,} }\n")
  #expect(keyed.hidesKeywordsByClient)
  let found = await keyed.discardedKeywords(of: try #require(IPAddress("192.0.2.7")))
  #expect(found == ["dsn", "etrn"])
  let none = await keyed.discardedKeywords(of: try #require(IPAddress("192.0.2.8")))
  #expect(none == [])
  let other = await keyed.discardedKeywords(of: try #require(IPAddress("192.0.2.9")))
  #expect(other == nil)
  #expect(!(try site("")).hidesKeywordsByClient)
  let failing = try site("smtpd_discard_ehlo_keyword_address_maps = fail:x\n")
  #expect(await failing.discardedKeywords(of: try #require(IPAddress("192.0.2.9"))) == nil)
}

@Test(arguments: [
  "smtpd_forbidden_commands = GET regexp:{{/^EHLO/ no}}", "smtpd_noop_commands = texthash:/x",
])
func tablesOfCommandsAreNotIgnored(_ line: String) {
  #expect {
    try site(line + "\n")
  } throws: { error in
    "\(error)".hasPrefix(line.prefix { $0 != " " } + ": \"")
  }
}

@Test func aTableThatCannotBeOpenedIsNamedWithItsParameter() {
  #expect {
    try site("local_recipient_maps =\ntransport_maps = texthash:/nowhere\n")
  } throws: { error in
    "\(error)".contains("transport_maps") && "\(error)".contains("/nowhere")
  }
}

/// What a running Postfix says of the same tables.
@Test func usersAreKnownAsTheirClassKeepsThem() async throws {
  let site = try site(
    main + """

      local_recipient_maps = inline:{a=x, {b@mx.example.org=y}} $alias_maps
      alias_maps = hash:/aliases
      relay_recipient_maps = inline:{r@relay.example=x, {@all.relay.example=x}}
      virtual_mailbox_maps = inline:{v@vb.example=x}
      recipient_delimiter = +
      """)
  let rows: [(String, DomainClass, Bool)] = [
    ("a@mx.example.org", .local, true), ("A@localhost", .local, true),
    ("a+x@mx.example.org", .local, true), ("b@mx.example.org", .local, true),
    ("b@localhost", .local, false), ("c@mx.example.org", .local, false),
    ("root@localhost", .local, true), ("\"two words\"@localhost", .local, true),
    ("Postmaster@localhost", .local, true), ("MAILER-DAEMON@localhost", .local, true),
    ("r@relay.example", .relay, true), ("s@relay.example", .relay, false),
    ("r+x@relay.example", .relay, true), ("s@all.relay.example", .relay, true),
    ("v@vb.example", .virtualMailbox, true), ("w@vb.example", .virtualMailbox, false),
    ("w@va.example", .virtualAlias, false), ("anybody@far.example", .other, true),
  ]
  for (address, addressClass, isKnown) in rows {
    #expect(
      try await site.users.contain(MailAddress(address), of: addressClass) == isKnown, "\(address)")
  }
}

@Test func aClassWithoutTablesTakesEverybody() async throws {
  let site = try site(main)
  for addressClass in [DomainClass.local, .relay, .virtualMailbox] {
    #expect(try await site.users.contain(MailAddress("x@y.example"), of: addressClass))
  }
}

@Test func aliasesThatNobodyConfiguredMayBeMissing() throws {
  let text = "local_recipient_maps = inline:{a=x} $alias_maps\n"
  #expect(
    try site(text).warnings
      == ["alias_maps: cannot read /etc/aliases: only accounts are local recipients"])
  #expect(throws: MailSiteError.self) { try site(text + "alias_maps = hash:/nowhere\n") }
}

@Test func restrictionClassesAreParametersOfTheirName() async throws {
  let site = try site(
    main + """

      smtpd_restriction_classes = strict
      strict = reject_non_fqdn_sender, $more
      more = check_sender_access inline:{bad.example=REJECT}
      smtpd_recipient_restrictions = strict
      """)
  let policy = try site.accessPolicy { _ in }
  var history = AccessHistory()
  var request = AccessRequest(
    clientAddress: try #require(IPAddress("10.1.2.3")), sender: MailAddress("a@bad.example"),
    recipient: MailAddress("b@mx.example.org"))
  #expect(
    await policy.judge(.recipient, request, &history).refusal?.logText
      == "554 5.7.1 <a@bad.example>: Sender address rejected: Access denied")
  request.sender = MailAddress("a@good.example")
  #expect(await policy.judge(.recipient, request, &history).refusal == nil)
}

@Test func aRestrictionClassNeedsADefinition() {
  #expect {
    try site("local_recipient_maps =\nsmtpd_restriction_classes = lost\n").accessPolicy { _ in }
  } throws: { error in
    "\(error)".hasPrefix("smtpd_restriction_classes: lost: expected a parameter \"lost\"")
  }
}

/// What a running Postfix says to the same recipients.
@Test func whatCannotBeDeliveredIsRefusedAtOnce() async throws {
  let site = try site(
    """
    local_transport = error:local delivery disabled
    local_recipient_maps = inline:{a=x}
    mydestination = here.example
    relay_domains = x.example, y.example, z.example
    virtual_alias_domains = va.example
    unknown_virtual_alias_reject_code = 450
    compatibility_level = 3.6
    transport_maps = inline:{ {x.example=error:5.1.2 no such thing}, {y.example=error:},
      {z.example=retry:4.3.0 later} }
    """)
  let policy = try site.accessPolicy { _ in }
  let rows = [
    ("b@here.example", "550 5.1.1", "local delivery disabled"),
    ("a@here.example", "550 5.1.1", "local delivery disabled"),
    ("a@x.example", "550 5.1.2", "no such thing"),
    ("a@y.example", "550 5.1.1", "Address is undeliverable"),
    ("a@z.example", "450 4.3.0", "later"),
    ("a@va.example", "450 4.1.1", "User unknown in virtual alias table"),
  ]
  for (address, code, reason) in rows {
    var history = AccessHistory()
    let request = AccessRequest(
      clientAddress: try #require(IPAddress("192.0.2.9")), sender: MailAddress("s@src.example"),
      recipient: MailAddress(address))
    #expect(
      await policy.judge(.recipient, request, &history).refusal?.logText
        == "\(code) <\(address)>: Recipient address rejected: \(reason)")
  }
}

/// What a running Postfix says to the same recipients from a stranger.
@Test func aliasesAreKnownAndOpenNoRelay() async throws {
  let site = try site(
    """
    mydestination = here.example
    local_recipient_maps = inline:{a=x}
    recipient_delimiter = +
    virtual_alias_maps = inline:{
      {va.example=this is a domain}, {known@va.example=x@far.example},
      {@catch.example=x@far.example}, {catch.example=this too}, {moved=x@far.example},
      {user@far.example=a@here.example} }
    compatibility_level = 3.6
    """)
  let policy = try site.accessPolicy { _ in }
  let rows = [
    ("known@va.example", nil), ("Known+x@VA.example", nil), ("any@catch.example", nil),
    ("moved@here.example", nil), ("moved+x@here.example", nil), ("a@here.example", nil),
    (
      "nobody@va.example",
      "550 5.1.1 <nobody@va.example>: Recipient address rejected: "
        + "User unknown in virtual alias table"
    ),
    (
      "b@here.example",
      "550 5.1.1 <b@here.example>: Recipient address rejected: "
        + "User unknown in local recipient table"
    ),
    ("user@far.example", "454 4.7.1 <user@far.example>: Relay access denied"),
    ("x@far.example", "454 4.7.1 <x@far.example>: Relay access denied"),
    (
      "known%far.example@va.example",
      "454 4.7.1 <known%far.example@va.example>: Relay access denied"
    ),
  ]
  for (address, refusal) in rows {
    var history = AccessHistory()
    let request = AccessRequest(
      clientAddress: try #require(IPAddress("192.0.2.9")), sender: MailAddress("s@src.example"),
      recipient: MailAddress(address))
    #expect(
      await policy.judge(.recipient, request, &history).refusal?.logText == refusal, "\(address)")
  }
}

@Test func theEnvelopeIsRewrittenAsTheConfigurationSays() async throws {
  let text = """
    myhostname = mx.example.org
    myorigin = example.org
    recipient_delimiter = +
    virtual_alias_maps = inline:{ {u=v, w@else} }

    """
  let old = try site(text).rewriting()
  #expect(old.completed(MailAddress("u@host")) == MailAddress("u@host.example.org"))
  #expect(
    try await old.recipients(for: MailAddress("u+x@example.org")).map(\.address)
      == [MailAddress("v+x@example.org"), MailAddress("w+x@else.example.org")])
  let new = try site(
    text + "compatibility_level = 3.6\nappend_at_myorigin = no\n"
      + "propagate_unmatched_extensions =\nvirtual_alias_expansion_limit = 1\n"
  ).rewriting()
  #expect(new.completed(MailAddress("u@host")) == MailAddress("u@host"))
  #expect(new.completed(MailAddress("u")) == MailAddress("u"))
  await #expect(throws: RewriteError.self) {
    try await new.recipients(for: MailAddress("u@example.org"))
  }
  #expect(try !site("local_recipient_maps =\n").rewriting().expandsRecipients)
}
