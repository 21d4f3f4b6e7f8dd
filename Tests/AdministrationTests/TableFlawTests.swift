import ServiceKit
import TestSupport
import Testing

@testable import Administration

/// What `check` finds in tables and services before anything runs.
@Suite struct TableFlawTests {
  private static let main = """
    myhostname = mx.example.org
    mynetworks = 127.0.0.0/8, cidr:@/cidr
    transport_maps = hash:@/transport
    virtual_alias_maps = texthash:@/virtual, inline:{ {a = b c}, d=e }
    alias_maps = hash:@/aliases
    local_recipient_maps = $alias_maps
    mydestination = $myhostname, @/domains
    smtpd_milters = inet:127.0.0.1:8891
    smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination,
      check_client_access pcre:@/pcre, check_client_access regexp:@/regexp

    """
  private static let services = """
    10025 inet n - n - - smtpd
      -o { smtpd_client_restrictions = permit_mynetworks, reject }
    smtp unix - - n - - smtp
    local unix - n n - - local
    dovecot unix - n n - - pipe
      flags=DRhu user=nobody argv=/bin/cat -f ${sender} { a b } ${recipient}

    """
  private static let tables = [
    "cidr": "10.0.0.0/8 OK\nif 192.168.0.0/16\n192.168.1.0/24 REJECT\nendif\n",
    "transport": "example.org smtp:[x]:25\n* smtp:\n", "virtual": "a@b c@d, e@f\n",
    "aliases": "postmaster: root\nlist: \"a b\"@c, d\n", "domains": "example.net\n",
    "pcre": "/^a(b)c$/i REJECT $1\nif /x/\n!/y/ OK\nendif\n",
    "regexp": "/^(a|b)+$/ REJECT $1\n",
  ]

  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    for (name, text) in Self.tables { try folder.write(text, to: name) }
    try folder.write(Self.main.replacing("@", with: folder.path), to: "main.cf")
    try folder.write(Self.services, to: "master.cf")
  }

  private func check() -> SiteCheck.Findings {
    let files = ConfigurationFiles(directory: folder.path)
    #expect(!files.hasErrors, "\(files.diagnostics)")
    return SiteCheck.findings(files)
  }

  @Test func whatIsInOrderNeedsNoWord() {
    let found = check()
    #expect(found.errors.isEmpty && found.warnings.isEmpty, "\(found)")
  }

  @Test func linesOfTablesThatAreNotUsedAreNamed() throws {
    try folder.write("a b\nnokey\n" + (1...9).map { "x\($0)\n" }.joined(), to: "transport")
    try folder.write("postmaster: root\nno colon\nPostmaster: x\n", to: "aliases")
    let found = check().warnings
    let unused = "expected a key, white space and a value: the line is not used"
    #expect(
      found.filter { $0.hasPrefix("hash:\(folder.path)/transport: ") }
        == (2...6).map { "hash:\(folder.path)/transport: line \($0): \(unused)" }
        + ["hash:\(folder.path)/transport: more lines are not used"])
    #expect(
      found.filter { $0.hasPrefix("hash:\(folder.path)/aliases: line ") } == [
        "hash:\(folder.path)/aliases: line 2: expected a name, a colon and a value: "
          + "the line is not used",
        "hash:\(folder.path)/aliases: line 3: \"postmaster\" has an entry already: "
          + "the line is not used",
      ])
  }

  @Test(arguments: [
    ("flags=Z user=nobody argv=/bin/cat", "flags=: unknown flag Z"),
    ("user=nobody", "argv= is missing"), ("argv=/bin/cat", "user= is missing"),
    ("user=nobody size=x argv=/bin/cat", "size=: expected a number of bytes, found x"),
  ])
  func aCommandThatCannotGetMailIsNamed(words: String, flaw: String) throws {
    try folder.write(Self.services + "x unix - n n - - pipe \(words)\n", to: "master.cf")
    #expect(
      check().warnings == [
        "\(folder.path)/master.cf, line 7: x: \(flaw): its mail stays in the queue"
      ])
  }

  @Test(arguments: ["inet:127.0.0.1:99999", "inet:127.0.0.1:0"])
  func aMilterHasAPort(place: String) throws {
    try folder.write("myhostname = mx.test\nsmtpd_milters = \(place)\n", to: "main.cf")
    #expect(check().errors.contains { $0.contains("smtpd_milters: \"\(place)\": expected") })
  }

  /// Whatever stands in the files: there are findings or none, and the program goes on.
  @Test(arguments: 1...8) func damagedFilesAreJudged(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let tokens = [
      "\0", "\n", "\n ", "{", "}", "${", "$", "#", "=", ",", ":", "\\", "\"", "-o ", "!", "/", "[",
      "]", "inline:{", "if ", "endif\n", "99999999999999999999", "\r\n", "\u{e9}",
    ]
    for _ in 0..<25 {
      let name = (["main.cf", "master.cf"] + Self.tables.keys.sorted())[
        generator.below(Self.tables.count + 2)]
      let original = try folder.read(name)
      var bytes = original
      for _ in 0...generator.below(4) {
        let place = generator.below(bytes.count + 1)
        switch generator.below(4) {
        case 0: bytes.insert(contentsOf: tokens[generator.below(tokens.count)].utf8, at: place)
        case 1: bytes = Array(bytes[..<place])
        case 2: bytes.insert(contentsOf: generator.bytes(count: 3), at: place)
        default: bytes.removeSubrange(place..<min(bytes.count, place + generator.below(30)))
        }
      }
      try folder.write(bytes, to: name)
      let files = ConfigurationFiles(directory: folder.path)
      let found = SiteCheck.findings(files)
      #expect(!(found.errors + found.warnings).contains(""))
      try folder.write(original, to: name)
    }
  }
}
