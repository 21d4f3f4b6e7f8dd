/// Configurations of a listener and dialogues with it, to be played to Postfix and to Martinet.
struct AccessCase: Sendable, CustomStringConvertible {
  /// What `-o` says of the listener.
  let options: [String: String]
  /// What the client says, line by line.
  let dialog: [String]

  var description: String {
    options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")
  }

  init(_ options: [String: String], _ dialog: [String]) {
    self.options = options
    self.dialog = dialog
  }

  static func to(
    _ recipients: String..., from sender: String = "s@src.test", helo: String? = "EHLO client.test"
  ) -> [String] {
    (helo.map { [$0] } ?? []) + ["MAIL FROM:<\(sender)>"] + recipients.map { "RCPT TO:<\($0)>" }
  }

  private static let content = ["DATA", "Subject: x\r\n\r\ny\r\n."]
  private static let users = [
    "local_recipient_maps": "inline:{a=x, {b@here.test=y}, {@sub.test=z}}",
    "relay_recipient_maps": "inline:{r@relay.test=x, {@all.relay.test=x}}",
  ]

  static func recipient(
    _ list: String, _ more: [String: String] = [:], dialog: [String] = to("a@here.test")
  ) -> AccessCase {
    AccessCase(["smtpd_recipient_restrictions": list].merging(more) { $1 }, dialog)
  }

  /// All of them.
  static let all: [AccessCase] = [
    verbs, stages, undelayed, tables, names, addresses, actions, statuses, messages, known, helos,
    classes, permits, sessions,
  ].flatMap { $0 }

  private static let verbs: [AccessCase] = [
    recipient("reject"), recipient("defer"), recipient("defer_if_permit"),
    recipient("defer_if_reject, reject"), recipient("defer_if_reject, defer"),
    recipient("warn_if_reject reject"), recipient("warn_if_reject defer_if_permit"),
    recipient("warn_if_reject defer_if_reject, reject"), recipient("reject_plaintext_session"),
    recipient("sleep 0, reject"), recipient("reject_unauth_pipelining"),
    recipient("reject", dialog: to("postmaster", "postmaster@here.test")),
    recipient(
      "reject_non_fqdn_recipient",
      dialog: to("a@localhost", "a@here.test", "a@[127.0.0.1]", "\"a b\"@localhost")),
    AccessCase(
      ["smtpd_relay_restrictions": "permit_auth_destination, reject"],
      to("a%other.test@relay.test", "a@relay.test", "a@other.test", "a%other.test@here.test")),
    AccessCase(
      ["smtpd_relay_restrictions": "check_recipient_access static:OK, reject"],
      to("a%other.test@relay.test", "\"a@other.test\"@relay.test", "a@other.test")),
    AccessCase(
      ["smtpd_relay_restrictions": "permit_inet_interfaces, reject", "mynetworks": "192.0.2.1"],
      to("a@other.test")),
    AccessCase(
      ["smtpd_relay_restrictions": "permit_mynetworks, defer_if_reject, reject_unauth_destination"],
      to("a@other.test", "a@here.test")),
  ]

  private static let stages: [AccessCase] = {
    var cases: [AccessCase] = []
    for list in ["client", "helo", "sender"] {
      for verb in [
        "reject", "defer_if_permit", "warn_if_reject reject", "check_client_access static:REJECT",
      ] {
        cases.append(
          AccessCase(["smtpd_\(list)_restrictions": verb], to("a@here.test", "a@other.test")))
      }
    }
    for list in ["data", "end_of_data"] {
      for verb in ["reject", "defer_if_permit", "warn_if_reject reject"] {
        let goesOn = verb.hasPrefix("warn") || list == "end_of_data"
        cases.append(
          AccessCase(
            ["smtpd_\(list)_restrictions": verb], to("a@here.test") + (goesOn ? content : ["DATA"]))
        )
      }
    }
    return cases
  }()

  private static let undelayed: [AccessCase] = [
    AccessCase(
      ["smtpd_client_restrictions": "reject", "smtpd_delay_reject": "no"],
      ["EHLO x.y", "MAIL FROM:<>", "NOOP", "RSET"]),
    AccessCase(
      ["smtpd_helo_restrictions": "reject", "smtpd_delay_reject": "no"],
      ["EHLO x.y", "MAIL FROM:<>", "HELO x", "MAIL FROM:<a@b>"]),
    AccessCase(
      ["smtpd_sender_restrictions": "reject", "smtpd_delay_reject": "no"],
      ["EHLO x.y", "MAIL FROM:<>", "RCPT TO:<a@here.test>"]),
    AccessCase(
      [
        "smtpd_sender_restrictions": "defer_if_permit", "smtpd_delay_reject": "no",
        "smtpd_helo_restrictions": "defer_if_permit",
      ], to("a@here.test", "a@other.test")),
    AccessCase(
      ["smtpd_data_restrictions": "check_recipient_access static:REJECT"],
      to("a@here.test", "a@other.test") + ["DATA"]),
    AccessCase(
      ["smtpd_data_restrictions": "check_recipient_access static:REJECT"],
      to("a@here.test", "b@here.test") + ["DATA", "x\r\n."]),
    AccessCase(["smtpd_helo_restrictions": "reject"], to("a@here.test", helo: nil)),
  ]

  private static let tables: [AccessCase] =
    ["localhost", "127.0.0.1", "127.0.0", "127.0", "127", "0.1"].map {
      recipient("check_client_access inline:{ {\($0) = REJECT \($0)} }")
    }

  private static let names: [AccessCase] = ["test", ".test", "client.test"].map {
    recipient("check_helo_access inline:{ {\($0) = REJECT \($0)} }")
  }

  private static let addresses: [AccessCase] = [
    recipient(
      "check_helo_access inline:{ {.test = REJECT dot} }",
      ["parent_domain_matches_subdomains": ""]),
    recipient(
      "check_recipient_access inline:{ {a+b@here.test = REJECT whole}, {a@here.test = REJECT bare} }",
      ["recipient_delimiter": "+"], dialog: to("a+b@here.test", "A+c@HERE.test", "b@here.test")),
    recipient(
      "check_recipient_access inline:{ {a+b@ = REJECT whole}, {a@ = REJECT bare} }",
      ["recipient_delimiter": "+"], dialog: to("a+b@here.test", "a+c@here.test")),
    recipient(
      "check_sender_access inline:{ {<> = REJECT null} }", dialog: to("a@here.test", from: "")),
    recipient(
      "check_sender_access inline:{ {nn = REJECT null} }", ["smtpd_null_access_lookup_key": "nn"],
      dialog: to("a@here.test", from: "")),
    recipient("check_client_access cidr:{ {if 127.0.0.0/8}, {127.0.0.0/9 REJECT in}, {endif} }"),
    recipient(
      "check_recipient_access regexp:{ {!/foo/ REJECT none}, {if /here/}, {/(a.*)@/ REJECT $$1}, {endif} }",
      dialog: to("b@here.test")),
    recipient(
      "check_recipient_access regexp:{ {/^(.*)@here/ REJECT no $$1 $${1}x $$(1)y $$$$} }",
      dialog: to("Foo@Here.test")),
  ]

  private static let actions: [AccessCase] = [
    "OK", "123", "550", "450 try", "450 4.1.1 x", "550 5.7.9 x", "421 bye", "521 5.7.1 bye",
    "REJECT", "Reject now", "REJECT 5.1.1 go", "DEFER", "DEFER later", "DEFER_IF_PERMIT x",
    "DEFER_IF_REJECT x", "HANGUP", "INFO", "INFO hello you", "WARN boo", "DISCARD", "DISCARD it",
    "PREPEND X-Foo: bar", "PREPEND foo", "DUNNO", "reject_unauth_destination, reject", "permit",
    "999 x", "BOGUS", "451 5.7.1 x", "451 2.0.0 x",
  ].map {
    recipient("check_recipient_access inline:{ {a@here.test = \($0)} }, reject")
  }

  private static let statuses: [AccessCase] = {
    var cases: [AccessCase] = []
    for action in ["550 5.1.2 x", "550 5.1.5 x", "REJECT 5.4.4 x"] {
      for (list, key) in [
        ("client", "127.0.0.1"), ("helo", "client.test"), ("sender", "s@src.test"),
      ] {
        let check = "check_\(list)_access inline:{ {\(key) = \(action)} }"
        cases.append(AccessCase(["smtpd_\(list)_restrictions": check], to("a@here.test")))
      }
    }
    return cases
  }()

  private static let messages: [AccessCase] = [
    recipient(
      "check_sender_access inline:{ {src.test = DISCARD} }", dialog: to("a@here.test") + content),
    AccessCase(
      ["smtpd_end_of_data_restrictions": "check_sender_access inline:{ {src.test = DISCARD} }"],
      to("a@here.test") + content),
    AccessCase(
      [
        "smtpd_end_of_data_restrictions":
          "check_sender_access inline:{ {src.test = PREPEND X: y} }"
      ],
      to("a@here.test") + content),
  ]

  private static let known: [AccessCase] =
    [
      AccessCase(
        users,
        to(
          "a@here.test", "A@here.test", "b@here.test", "c@here.test", "postmaster",
          "postmaster@here.test", "MAILER-DAEMON@here.test", "double-bounce@here.test",
          "a+x@here.test", "r@relay.test", "s@relay.test", "x@all.relay.test")),
      AccessCase(
        users,
        to(
          "a@[127.0.0.1]", "c@[127.0.0.1]", "\"a b\"@here.test", "c%here.test@here.test",
          "a@localhost", "c@localhost")),
      AccessCase(
        users.merging(["recipient_delimiter": "+"]) { $1 },
        to("a+x@here.test", "c+x@here.test", "r+x@relay.test")),
      AccessCase(
        users.merging([
          "show_user_unknown_table_name": "no", "unknown_local_recipient_reject_code": "450",
        ]) { $1 }, to("c@here.test", "s@relay.test")),
      AccessCase(
        users.merging(["smtpd_reject_unlisted_recipient": "no"]) { $1 }, to("c@here.test")),
      recipient(
        "reject_unlisted_recipient",
        users.merging(["smtpd_reject_unlisted_recipient": "no"]) { $1 },
        dialog: to("c@here.test")),
      AccessCase(
        users.merging(["smtpd_reject_unlisted_sender": "yes"]) { $1 },
        to("a@here.test", from: "c@here.test") + ["RSET"] + to("a@here.test", from: "c@relay.test")
          + ["RSET"] + to("a@here.test", from: "a@here.test")),
      recipient("reject_unlisted_sender", users, dialog: to("a@here.test", from: "c@here.test")),
      AccessCase(
        ["local_recipient_maps": "unix:passwd.byname"],
        to("root@here.test", "Root@here.test", "no-such-user@here.test", "root+x@here.test")),
      AccessCase(["local_recipient_maps": "fail:x"], to("a@here.test")),
      AccessCase(
        ["smtpd_sender_restrictions": "reject_non_fqdn_sender"],
        ["", "a", "a@b", "a@b.c", "a@[1.2.3.4]", "a%b@c", "a@b.c."].flatMap {
          to("a@here.test", from: $0) + ["RSET"]
        }),
    ]

  private static let helos: [AccessCase] = {
    var cases: [AccessCase] = []
    for helo in [
      "client", "client.test", "client.test.", "[127.0.0.1]", "[1.2.3]", "1.2.3.4", "a..b", "x@y",
      "-a.b", "a_b.c",
    ] {
      for verb in ["reject_invalid_helo_hostname", "reject_non_fqdn_hostname"] {
        cases.append(
          AccessCase(
            ["smtpd_helo_restrictions": verb], to("a@here.test", helo: "EHLO \(helo)")))
      }
    }
    return cases
  }()

  private static let classes: [AccessCase] = [
    recipient(
      "inner, reject",
      [
        "smtpd_restriction_classes": "inner",
        "inner": "check_recipient_access inline:{ {a@here.test = nowhere} }",
      ]),
    recipient(
      "inline:{ {a@here.test = inner} }, reject",
      ["smtpd_restriction_classes": "inner", "inner": "inline:{ {a@here.test = OK} }"]),
    recipient(
      "warn_if_reject inner, reject",
      ["smtpd_restriction_classes": "inner", "inner": "defer, reject"]),
    recipient(
      "inner", ["smtpd_restriction_classes": "inner", "inner": "defer_if_reject, reject"]),
  ]
}
