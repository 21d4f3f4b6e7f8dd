import Testing

@testable import Configuration

@Suite struct MasterFileTests {
  private func parse(_ text: String) -> MasterFile {
    MasterFile(Array(text.utf8), file: "master.cf")
  }

  @Test func readsColumnsAndOptions() throws {
    let file = parse(
      """
      # comment
      smtp inet n - n - - smtpd
        -o syslog_name=postfix/x -o {a = b c}
      submission inet n y n - 7 smtpd -o smtpd_tls_security_level=encrypt
      #foo
        -o{ x=y } -v -v -o smtpd_client_restrictions=a,b
      pickup unix n - - 60? 1 pickup
      qmgr unix n - n 300 0 qmgr -vvoa=b
      x unix - n n - - pipe flags=R user={a b} argv=/bin/x { foo bar } ${user} -o k=v
      """)
    #expect(file.diagnostics == [])
    try #require(file.services.count == 5)
    let smtp = file.services[0]
    #expect(smtp.kind == .inet && smtp.isPrivate == false && smtp.isUnprivileged == nil)
    #expect(smtp.command == "smtpd" && smtp.processLimit == nil && smtp.wakeUp == nil)
    #expect(smtp.overrides.map { "\($0.name)=\($0.value)" } == ["syslog_name=postfix/x", "a=b c"])
    #expect(smtp.location.line == 2)
    let submission = file.services[1]
    #expect(submission.verbosity == 2 && submission.processLimit == 7)
    #expect(submission.isUnprivileged == true && submission.isChrooted == false)
    #expect(
      submission.overrides.map { "\($0.name)=\($0.value)" }
        == ["smtpd_tls_security_level=encrypt", "x=y", "smtpd_client_restrictions=a,b"])
    #expect(file.services[2].wakeUp == ServiceEntry.WakeUp(seconds: 60, afterFirstUse: true))
    #expect(file.services[3].wakeUp == ServiceEntry.WakeUp(seconds: 300, afterFirstUse: false))
    #expect(file.services[3].processLimit == 0 && file.services[3].verbosity == 2)
    #expect(file.services[3].overrides.map(\.value) == ["b"])
    let pipe = file.services[4]
    #expect(pipe.overrides == [])
    #expect(
      pipe.arguments
        == ["flags=R", "user={a b}", "argv=/bin/x", "foo bar", "${user}", "-o", "k=v"])
  }

  @Test func anOptionHasTheLineOnWhichItStands() {
    let file = parse(
      "smtp inet n - n - - smtpd -o a=b\n  -o c=d -oe=f\n# here\n\n\t-o { g = h\n  i }\n")
    #expect(
      file.services.first?.overrides.map { "\($0.location.line) \($0.name)=\($0.value)" }
        == ["1 a=b", "2 c=d", "2 e=f", "5 g=h  i"])
    let bad = parse("smtp inet n - n - - smtpd\n  -o a=b\n  -o c\n")
    #expect(
      bad.diagnostics.map(\.description)
        == ["error: master.cf, line 3: missing '=' after \"c\""])
  }

  @Test func theLastEntryOfANameAndTypeCounts() {
    let file = parse(
      "smtp unix - - n - - smtp\nsmtp inet n - n - - smtpd\nsmtp unix - - n - 7 smtp")
    #expect(file.services.map(\.processLimit) == [nil, 7])
    #expect(
      file.diagnostics.map(\.description)
        == ["warning: master.cf, line 3: smtp unix: overrides the entry of line 1"])
  }

  @Test(arguments: [
    ("smtp inet n - n - -", "expected 8 fields (service to command), found 7"),
    ("smtp foo n - n - - smtpd", "expected one of: inet, unix"),
    ("smtp inet q - n - - smtpd", "expected y, n or - in the field \"private\""),
    ("smtp unix n - n x - smtpd", "expected seconds"),
    ("smtp unix n - n - x smtpd", "expected a number or - as the process limit"),
    ("smtp unix n - n - -1 smtpd", "expected a number or - as the process limit"),
    ("smtp inet n - n - - smtpd -o", "expected name=value after -o"),
    ("smtp inet n - n - - smtpd -o foo", "missing '=' after \"foo\""),
    ("smtp inet n - n - - smtpd -o =x", "missing a parameter name"),
    ("smtp inet n - n - - smtpd -o {x=y", "a brace has no partner"),
    ("smtp inet n - n - - smtpd -o {x=y}z", "unexpected text after '}'"),
    ("smtp inet n - n - - smtpd -x", "expected one of the options"),
  ])
  func refusesABadEntryWithItsPlace(text: String, message: String) {
    let file = parse("\n" + text)
    #expect(file.services == [])
    #expect(file.diagnostics.count == 1)
    #expect(file.diagnostics.first?.message.hasPrefix(message) == true, "\(file.diagnostics)")
    #expect(file.diagnostics.first?.location?.line == 2)
  }
}
