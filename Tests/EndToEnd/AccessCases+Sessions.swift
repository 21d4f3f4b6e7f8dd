extension AccessCase {
  /// What the log says of permissions.
  static let permits: [AccessCase] = [
    "static:all", "permit_mynetworks, OK", "!permit_mynetworks, static:all",
    "inline:{permit_inet_interfaces=x}",
  ].map { logged in
    recipient(
      "inline:{ {a@here.test=OK now}, {b@here.test=permit}, {r@relay.test=inner}, {c@here.test=250}}"
        + ", warn_if_reject reject, permit_auth_destination",
      [
        "smtpd_log_access_permit_actions": logged, "mynetworks": "127.0.0.0/8",
        "local_recipient_maps": "", "relay_recipient_maps": "",
        "smtpd_helo_restrictions": "permit", "smtpd_client_restrictions": "inner",
        "smtpd_sender_restrictions": "permit_inet_interfaces, reject",
        "smtpd_restriction_classes": "inner", "inner": "permit_mynetworks",
        "smtpd_data_restrictions": "permit_mynetworks",
      ],
      dialog: to(
        "a@here.test", "b@here.test", "c@here.test", "d@here.test", "r@relay.test", "o@other.test")
        + ["DATA", "Subject: x\r\n\r\ny\r\n.", "VRFY a@here.test"])
  }

  private static let refused = [
    "HELO", "RCPT TO:<a@here.test>", "FOO", "EHLO client.test", "MAIL FROM:<a b>", "MAIL FROM:<>",
    "RCPT TO:<x@other.test>", "DATA", "RSET", "VRFY", "AUTH PLAIN x", "NOOP",
  ]

  /// What changes how the server speaks, whatever is said about mail.
  static let sessions: [AccessCase] =
    [
      #"\c. Call ($client_address) of {${server_name}}"#, #"one$$\n${client_address?two}"#,
      #"$none \a$(client_address)"#, #"\cx\n"#, "$ x",
      #"${none:nothing} ${{$server_name} == {x} ? {a} : {b}}"#,
    ].map { AccessCase(["smtpd_reject_footer": $0], refused) } + [
      AccessCase(
        [
          "smtpd_reject_footer": "usual",
          "smtpd_reject_footer_maps":
            "regexp:{ {/^50[13] 5.5.1/ \\c. Five oh one}, {/^501/ at $$$$server_name},"
            + " {/Relay/ \\c!} }",
        ], refused),
      AccessCase(
        ["smtpd_reject_footer": "host $server_name", "smtpd_expansion_filter": "\\155ailx"],
        refused),
      AccessCase(
        ["smtpd_reject_footer": "late", "smtpd_hard_error_limit": "2"],
        ["HELO", "FOO", "BAR", "NOOP"]),
      AccessCase(
        ["smtpd_reject_footer": "soft", "soft_bounce": "yes"], refused),
      AccessCase(
        [
          "smtpd_reject_footer": "early", "smtpd_client_restrictions": "reject",
          "smtpd_delay_reject": "no",
        ], ["NOOP"]),
      AccessCase(
        [
          "smtpd_command_filter":
            "regexp:{ {/^HELO$$/ EHLO client.test}, {/^$$/ NOOP}, {/^(RCPT TO:<)q(.*)/ ${1}a${2}} }"
        ],
        [
          "HELO", "", "MAIL FROM:<a@src.test>", "RCPT TO:<q@here.test>", "RCPT TO:<b@here.test>",
          "DATA", "RCPT TO:<q>\r\n.", "FOO",
        ]),
      AccessCase(["smtpd_command_filter": "fail:x"], ["HELO client.test"]),
    ]
}
