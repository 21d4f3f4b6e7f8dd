import Testing

@testable import Configuration

@Suite struct ConfigurationTests {
  @Test func defaultsAreUsableAndSilent() {
    let evaluation = Sample.evaluate("")
    #expect(evaluation.diagnostics == [])
    let configuration = evaluation.configuration
    #expect(configuration[.myhostname] == "vm.localdomain")
    #expect(configuration[.mydomain] == "localdomain")
    #expect(configuration[.myorigin] == "vm.localdomain")
    #expect(
      configuration[.mydestination] == ["vm.localdomain", "localhost.localdomain", "localhost"])
    #expect(configuration[.messageSizeLimit] == 10_240_000)
    #expect(configuration[.smtpdTimeout] == .seconds(300))
    #expect(configuration[.maximalQueueLifetime] == .seconds(5 * 86400))
    #expect(configuration[.commitDelay] == .milliseconds(2))
    #expect(configuration[.smtpdHeloRequired] == false)
    #expect(configuration[.smtpdForbidBareNewline] == .normalize)
    #expect(configuration[.smtpdForbidBareNewlineExclusions] == [])
    #expect(configuration[.smtpdHardErrorLimit] == 20)
    #expect(configuration[.smtpdBanner] == "vm.localdomain ESMTP Martinet")
    #expect(configuration[.syslogName] == "postfix")
    #expect(configuration[.localTransport] == "local:vm.localdomain")
    #expect(configuration[.mynetworksStyle] == .host)
    #expect(configuration[.relayDomains] == [])
    #expect(
      configuration[.smtpdRelayRestrictions]
        == ["permit_mynetworks", "permit_sasl_authenticated", "defer_unauth_destination"])
    #expect(configuration[.appendDotMydomain] == false)
  }

  @Test(arguments: ["# compatibility_level", "compatibility_level = 0"])
  func aLowerCompatibilityLevelBringsOldDefaultsBack(text: String) {
    let configuration = Sample.evaluate(text).configuration
    #expect(configuration[.mynetworksStyle] == .subnet)
    #expect(configuration[.relayDomains] == configuration[.mydestination])
    #expect(configuration[.appendDotMydomain] == true)
    let own = Sample.evaluate(text + "\nsmtpd_recipient_restrictions = reject").configuration
    #expect(own[.smtpdRelayRestrictions] == [])
  }

  @Test func withoutAnyRestrictionsTheUsualOnesHoldAtEveryLevel() {
    for level in ["0", "1", "3.6"] {
      let configuration = Sample.evaluate("compatibility_level = \(level)").configuration
      #expect(
        configuration[.smtpdRelayRestrictions]
          == ["permit_mynetworks", "permit_sasl_authenticated", "defer_unauth_destination"])
    }
  }

  @Test func oneWarningNamesTheOldDefaults() {
    let text = "# no compatibility_level\nrelay_domains =\nsmtpd_relay_restrictions = reject\n"
    let kept =
      "append_dot_mydomain=yes, mynetworks_style=subnet, smtp_tls_fingerprint_digest=md5, "
      + "smtpd_relay_before_recipient_restrictions=no, smtpd_tls_fingerprint_digest=md5, "
      + "smtputf8_enable=no"
    let advice = "set each as you want it, or compatibility_level = 3.6 for today's defaults"
    #expect(
      Sample.evaluate(text).diagnostics.map(\.description) == [
        "warning: compatibility_level: it is not set, so these have the defaults of old releases: "
          + "\(kept); \(advice)"
      ])
    let level = Sample.evaluate("compatibility_level = 2\n").diagnostics.map(\.description)
    #expect(
      level == [
        "warning: main.cf, line 1: compatibility_level: it is 2, so these have the defaults of "
          + "old releases: smtp_tls_fingerprint_digest=md5, "
          + "smtpd_relay_before_recipient_restrictions=no, smtpd_tls_fingerprint_digest=md5; "
          + advice
      ])
  }

  /// Style, interfaces and protocols, and what Postfix prints on such a host.
  @Test(arguments: [
    (
      "mynetworks_style=host",
      "127.0.0.1/32 192.0.2.2/32 [::1]/128 [fd00::2]/128 [fe80::fc:ff:fe00:1]/128"
    ),
    ("mynetworks_style=host\ninet_interfaces=loopback-only", "127.0.0.1/32 [::1]/128"),
    ("mynetworks_style=host\ninet_interfaces=127.0.0.1", "127.0.0.1/32"),
    (
      "mynetworks_style=host\ninet_interfaces=192.0.2.2, 127.0.0.1", "127.0.0.1/32 192.0.2.2/32"
    ),
    (
      "mynetworks_style=subnet", "127.0.0.0/8 192.0.2.0/24 [::1]/128 [fd00::]/64 [fe80::]/64"
    ),
    ("mynetworks_style=subnet\ninet_protocols=ipv4", "127.0.0.0/8 192.0.2.0/24"),
    (
      "mynetworks_style=class", "127.0.0.0/8 192.0.2.0/24 [::1]/128 [fd00::]/64 [fe80::]/64"
    ),
    ("mynetworks_style=$foo\nfoo=host\ninet_protocols=ipv4", "127.0.0.1/32 192.0.2.2/32"),
    ("mynetworks=10.0.0.0/8, [::1]/128", "10.0.0.0/8 [::1]/128"),
  ])
  func trustsTheNetworksThatPostfixTrusts(text: String, networks: String) {
    let evaluation = Sample.evaluate(text)
    #expect(evaluation.diagnostics == [])
    #expect(evaluation.configuration[.mynetworks].joined(separator: " ") == networks)
  }

  @Test(arguments: [
    ("myhostname=foo", "foo", "localdomain"), ("myhostname=foo.com", "foo.com", "com"),
    ("mydomain=foo.com", "vm.foo.com", "foo.com"),
    ("myhostname=$mydomain\nmydomain=a.org", "a.org", "a.org"),
    ("myhostname=mx.example.com", "mx.example.com", "example.com"),
  ])
  func namesTheHostAsPostfixDoes(text: String, hostname: String, domain: String) {
    let configuration = Sample.evaluate(text).configuration
    #expect(configuration[.myhostname] == hostname)
    #expect(configuration[.mydomain] == domain)
  }

  @Test(arguments: [
    ("message_size_limit = big", "message_size_limit", "expected a number of bytes, at least 0"),
    ("smtpd_helo_required = maybe", "smtpd_helo_required", "expected yes or no"),
    ("smtpd_timeout = 5x", "smtpd_timeout", "expected a time such as 5s, at least 1s"),
    ("smtpd_timeout = 0", "smtpd_timeout", "expected a time such as 5s, at least 1s"),
    ("smtpd_recipient_limit = 0", "smtpd_recipient_limit", "expected a number, at least 1"),
    (
      "smtpd_hard_error_limit = 99999999999", "smtpd_hard_error_limit",
      "expected a number from 1 to 2147483647, found 99999999999"
    ),
    ("relayhost = [a", "relayhost", "expected next-hops such as"),
    ("relayhost = [192.0.2.1]:99999", "relayhost", "expected next-hops such as"),
    ("relayhost = host.test:foo", "relayhost", "expected next-hops such as"),
    ("lmtp_tcp_port = foo", "lmtp_tcp_port", "expected a port from 1 to 65535, or the name of"),
    ("lmtp_tcp_port = 0", "lmtp_tcp_port", "expected a port from 1 to 65535, or the name of"),
    ("lmtp_bind_address = ::1", "lmtp_bind_address", "expected an IPv4 address, or nothing"),
    ("lmtp_bind_address6 = foo", "lmtp_bind_address6", "expected an IPv6 address, or nothing"),
    ("smtp_bind_address = foo", "smtp_bind_address", "expected an IPv4 address, or nothing"),
    ("smtp_bind_address6 = 192.0.2.1", "smtp_bind_address6", "expected an IPv6 address"),
    ("myhostname = a b", "myhostname", "expected a host name, found \"a b\""),
    ("myhostname = -x-", "myhostname", "expected a host name"),
    ("reject_code = 200", "reject_code", "expected a number from 400 to 599"),
    ("compatibility_level = new", "compatibility_level", "expected a release such as 3.6"),
    ("myorigin =", "myorigin", "expected a domain, or the path of a file with one"),
    ("mynetworks_style = wide", "mynetworks_style", "expected one of: class, subnet, host"),
    (
      "mailbox_delivery_lock = fcntl, dotlok", "mailbox_delivery_lock",
      "expected a list of: fcntl, flock, dotlock, found \"dotlok\""
    ),
    (
      "virtual_mailbox_lock = fnctl", "virtual_mailbox_lock",
      "expected a list of: fcntl, flock, dotlock, found \"fnctl\""
    ),
    (
      "propagate_unmatched_extensions = virtuall", "propagate_unmatched_extensions",
      "expected a list of: canonical, virtual, alias, forward, include, generic, found"
    ),
    ("notify_classes = resources", "notify_classes", "expected a list of: bounce, 2bounce"),
    ("mydestination = {a", "mydestination", "a brace has no partner"),
    ("mydestination = ${a", "mydestination", "an expression is not closed"),
    ("smtp_tcp_port = $smtp_tcp_port", "smtp_tcp_port", "the value of smtp_tcp_port refers to"),
    ("myhostname = $mydomain", "myhostname", "the value of mydomain refers to itself"),
    ("myorigin = /etc/mailname", "myorigin", "cannot read /etc/mailname"),
    (
      "smtp_destination_concurrency_limit = x", "smtp_destination_concurrency_limit",
      "expected a number, at least 0"
    ),
  ])
  func reportsABadValueWithItsPlace(text: String, name: String, message: String) {
    let found = Sample.evaluate("# first\n\(text)\n").diagnostics
      .filter { $0.severity == .error && $0.location != nil }
    #expect(found.map(\.subject) == [name])
    #expect(found.first?.message.hasPrefix(message) == true, "\(found)")
    #expect(found.first?.location == SourceLocation(file: "main.cf", line: 2))
  }

  @Test(arguments: [
    ("fcntl, dotlock", ["fcntl", "dotlock"]), ("FLOCK", ["flock"]), ("", []),
  ])
  func aListOfWordsHasThoseThatAreKnown(text: String, words: [String]) {
    let evaluation = Sample.evaluate("mailbox_delivery_lock = \(text)")
    #expect(!evaluation.hasErrors)
    #expect(evaluation.configuration[.mailboxDeliveryLock] == words)
  }

  @Test func aBadValueLeavesTheDefaultInPlace() {
    let evaluation = Sample.evaluate("smtpd_timeout = 5x")
    #expect(evaluation.hasErrors)
    #expect(evaluation.configuration[.smtpdTimeout] == .seconds(300))
  }

  @Test(arguments: [
    ("5", 5 * 86400), ("5d", 5 * 86400), ("2w", 14 * 86400), ("3h", 10800), ("90m", 5400),
    ("7s", 7), ("1D", 86400), ("0", 0),
  ])
  func aTimeWithoutUnitIsInTheUnitOfItsDefault(text: String, seconds: Int) {
    let evaluation = Sample.evaluate("maximal_queue_lifetime = \(text)")
    #expect(!evaluation.hasErrors)
    #expect(evaluation.configuration[.maximalQueueLifetime] == .seconds(seconds))
  }

  @Test func transportsHaveParametersOfTheirOwn() {
    let evaluation = Sample.evaluate(
      """
      default_destination_concurrency_limit = 7
      smtp_destination_concurrency_limit = $local_destination_concurrency_limit
      slow_destination_rate_delay = 2s
      slow_destination_concurrency_positive_feedback = 1/concurrency
      """, services: "slow unix - - n - - smtp\nsmtp unix - - n - - smtp")
    #expect(!evaluation.hasErrors)
    let configuration = evaluation.configuration
    #expect(configuration.transport("smtp", .destinationConcurrencyLimit) == 2)
    #expect(configuration.transport("relay", .destinationConcurrencyLimit) == 7)
    #expect(configuration.transport("local", .destinationRecipientLimit) == 1)
    #expect(configuration.transport("relay", .destinationRecipientLimit) == 50)
    #expect(configuration.transport("relay", .initialDestinationConcurrency) == 5)
    #expect(configuration.transport("slow", .destinationRateDelay) == .seconds(2))
    #expect(configuration.transport("relay", .destinationRateDelay) == .zero)
    let feedback = configuration.transport("slow", TransportFeedback.positive)
    #expect(feedback.amount(atConcurrency: 4) == 0.25)
    #expect(
      configuration.transport("smtp", TransportFeedback.negative).amount(atConcurrency: 4) == 1)
  }

  @Test func saysWhatNothingReads() {
    let found = Sample.evaluate(
      """
      used = 1
      indirect = $used
      home_mailbox = ${indirect?{x}}
      typo = 2
      old_class = permit
      smtpd_restriction_classes = strict
      strict = reject
      gone_destination_recipient_limit = 1
      override_value = 3
      smtpd_banner = $nowhere x
      """, services: "smtp inet n - n - - smtpd -o smtpd_banner=$override_value"
    ).diagnostics
    #expect(
      found.map(\.description) == [
        "warning: main.cf, line 10: smtpd_banner: $nowhere has no value and counts as empty",
        "warning: main.cf, line 4: typo: unused parameter: typo=2",
        "warning: main.cf, line 5: old_class: unused parameter: old_class=permit",
        "warning: main.cf, line 8: gone_destination_recipient_limit: unused parameter: "
          + "master.cf has no service gone",
      ])
  }

  @Test(arguments: [
    ("inet_protocols", "ipv5", "expected a list of: all, ipv4, ipv6, found \"ipv5\""),
    ("inet_protocols", "", "expected a list of: all, ipv4, ipv6, found \"\""),
    ("queue_directory", "spool", "expected a path that starts with /, found \"spool\""),
    (
      "maillog_file", "log", "expected a path that starts with /, or nothing, found \"log\""
    ),
    (
      "myorigin", "a b", "expected a domain, or the path of a file with one, found \"a b\""
    ),
  ])
  func aValueThatCannotBeMeantIsRefused(name: String, value: String, message: String) {
    #expect(
      Sample.evaluate("\(name) = \(value)").diagnostics.map(\.description)
        == ["error: main.cf, line 1: \(name): \(message)"])
  }

  @Test(arguments: [
    ("inet_protocols", "IPv4, ipv6"), ("maillog_file", ""), ("maillog_file", "/dev/stdout"),
    ("myorigin", "localhost"), ("myorigin", "[192.0.2.1]"),
  ])
  func whatLooksOddAndIsMeantIsTaken(name: String, value: String) {
    #expect(Sample.evaluate("\(name) = \(value)").diagnostics.isEmpty)
  }

  @Test func theValueOfAnUnusedParameterMayBeAPasswordAndIsNotForTheLog() {
    let found = Sample.evaluate(
      "valias_password = geheim\nsmtp_sasl_password_map = inline:{x=u:geheim}",
      services: "smtps inet n - n - - smtpd -o valias_password=geheim"
    ).diagnostics
    #expect(found.count == 3 && found.allSatisfy { $0.description.contains("geheim") })
    #expect(
      found.map(\.withoutValue.description) == [
        "warning: main.cf, line 1: valias_password: unused parameter: valias_password",
        "warning: main.cf, line 2: smtp_sasl_password_map: unused parameter: "
          + "smtp_sasl_password_map",
        "warning: master.cf, line 1: smtps: -o valias_password: unused parameter: "
          + "valias_password",
      ])
    #expect(found.allSatisfy { !$0.withoutValue.text.contains("geheim") })
  }

  @Test func saysWhetherIgnoringAParameterOfPostfixIsSafe() {
    let found = Sample.evaluate(
      """
      readme_directory = no
      milter_header_checks = $level
      level = may
      canonical_maps = inline:{a=b}
      content_filter =
      lmtp_tls_mandatory_protocols = >=TLSv1
      lmtp_tls_key_file = $lmtp_tls_cert_file
      smtp_starttls_timeout = 300s
      """,
      services: "smtps inet n - n - - smtpd -o smtpd_tls_enable_rpk=yes -o header_checks= -o a=b"
    ).diagnostics
    #expect(
      found.map(\.description) == [
        "information: main.cf, line 1: readme_directory: it is not implemented; "
          + "ignoring it is safe",
        "warning: main.cf, line 2: milter_header_checks: it is not implemented yet; "
          + "ignoring it may weaken the protection of this system",
        "warning: main.cf, line 4: canonical_maps: it is not implemented yet; "
          + "ignoring it changes what happens to mail",
        "warning: master.cf, line 1: smtps: -o smtpd_tls_enable_rpk: it is not implemented yet; "
          + "ignoring it may weaken the protection of this system",
        "warning: master.cf, line 1: smtps: -o a: unused parameter: a=b",
      ])
  }

  @Test func aServiceLaysItsOptionsOverTheFile() throws {
    let services = MasterFile(
      Array("submission inet n - n - - smtpd -o syslog_name=postfix/$service_name\n -o x=y".utf8),
      file: "master.cf"
    ).services
    let base = Sample.evaluate("smtpd_banner = $myhostname $x").configuration
    let evaluation = base.overlaid(by: try #require(services.first))
    #expect(evaluation.diagnostics == [])
    #expect(evaluation.configuration[.syslogName] == "postfix/submission")
    #expect(evaluation.configuration[.smtpdBanner] == "vm.localdomain y")
    #expect(base[.syslogName] == "postfix")
  }

  @Test func stressChangesWhatDependsOnIt() {
    let stress = Assignment(
      name: "stress", value: "yes", location: SourceLocation(file: "-", line: 1))
    let configuration = Sample.evaluate("").configuration.overlaid(by: [stress]).configuration
    #expect(configuration[.smtpdTimeout] == .seconds(10))
    #expect(configuration[.smtpdHardErrorLimit] == 1)
    #expect(configuration[.smtpdPerRequestDeadline] == true)
  }

  @Test func originCanComeFromAFile() {
    let evaluation = Sample.evaluate("myorigin = /etc/mailname") { path in
      path == "/etc/mailname" ? Array("mail.example.org\n".utf8) : nil
    }
    #expect(evaluation.diagnostics == [])
    #expect(evaluation.configuration[.myorigin] == "mail.example.org")
  }

  @Test func rawTextsKeepTheirDollars() throws {
    let configuration = Sample.evaluate("luser_relay = $user@other").configuration
    #expect(configuration[.luserRelay] == "$user@other")
    #expect(configuration.text("smtpd_banner") == "$myhostname ESMTP $mail_name")
    #expect(try configuration.expandedText("smtpd_banner") == "vm.localdomain ESMTP Martinet")
    #expect(configuration.text("nothing_of_that_name") == nil)
  }
}
