import AddressRewriting
import LookupTables
import MailTypes
import Testing

/// Postfix read the same tables; the rows are whom its `local` delivered to.
struct LocalAliasesTests {
  private static let table = """
    one: user1
    remote: target@far.test
    mixed: user1, user2, a@far.test, b@far.test
    nested: mixed, user3, remote
    self: self, copy@far.test
    half1: half2, user1
    half2: half1, user2
    loop1: loop2
    loop2: loop1
    dup: user1, USER1, user1@localhost, user1@home.test, one, a@far.test, A@far.test
    list: :include:/people
    quoted: \\one, \\user2
    escaped: \\\\one, \\\\user2
    withext: user1+box
    tag+ext: user3
    tag: user2, t@far.test
    viavirtual: v@virt.test
    virtloop: back@virt.test
    "two words": user1
    program: "|command -x", user1
    file: /var/log/mail
    both: program, user1
    badlist: :include:/programs
    twice: program, program2
    program2: "|command -x", "|other"
    owned: one, a@far.test
    owner-owned: o@far.test
    many: x@far.test
    owner-many: o1@far.test, o2@far.test
    outer: x@far.test, owned, inner
    inner: nofile, y@far.test
    ownself: ownself, z@far.test
    owner-ownself: someone
    nofile: :include:/nowhere
    relative: :include:people
    empty: :include:/empty
    circle: :include:/circle
    procmails: :include:/mail1, :include:/mail2

    """
  private static let virtual = """
    v@virt.test user3, vv@far.test
    back@virt.test virtloop@home.test, user1
    user2@origin.test no@far.test
    tovirt one, nested

    """
  private static let files = [
    "/people": "# people\nuser1, inc2@far.test\n\nuser3\nnested\n\\\\user4\n",
    "/programs": "user1\n|command\n", "/empty": "# nobody\n",
    "/circle": "user1, circle\n:include:/circle\n",
    "/mail1": "\"|procmail\"\n", "/mail2": "\"|procmail\"\n",
    "/aliases": table, "/virtual": virtual,
  ]

  private static func rewriting(
    _ change: (inout LocalAliases.Settings) -> Void = { _ in }
  ) throws -> EnvelopeRewriting {
    var opener = TableOpener { path in files[path].map { Array($0.utf8) } }
    opener.aliasTables = ["hash:/aliases"]
    let resolver = AddressResolver(myhostname: "mail.home.test", myorigin: "origin.test")
    let own = ["origin.test", "home.test", "localhost"]
    let search = AddressSearch(
      try TableSet(["texthash:/virtual"], opener: opener), delimiters: "+"
    ) { domain in own.contains(domain) }
    var settings = LocalAliases.Settings()
    settings.delimiters = "+"
    change(&settings)
    let local = LocalAliases(
      try TableSet(["hash:/aliases"], opener: opener), resolver: resolver, settings: settings,
      mayBeLocal: { own.contains($0.foldedDomain) },
      delivery: { own.contains($0.foldedDomain) ? $0 : nil },
      readFile: { [opener] path throws(LookupError) in try await opener.readIncluded(path, 100) })
    return EnvelopeRewriting(
      resolver: resolver,
      aliases: AliasExpansion(
        "virtual_alias_maps", search, resolver: resolver, keepsExtension: true),
      localAliases: local)
  }

  private static func expanded(
    _ address: String, by rewriting: EnvelopeRewriting
  ) async throws(RewriteError) -> Set<String> {
    let complete = rewriting.completed(MailAddress(address))
    let found = try await rewriting.recipients(for: complete).map(text)
    #expect(Set(found).count == found.count)
    return Set(found)
  }

  private static func text(_ recipient: ExpandedRecipient) -> String {
    let address = recipient.address.description.replacing("@origin.test", with: "")
    switch recipient.kind {
    case .address: return address
    case .alias: return "alias \(address)"
    case .program(let place):
      return "\(address) \(place.index + 1)/\(place.count)"
        + (place.isInFile ? " in file" : "") + (place.isBare ? " bare" : "")
    }
  }

  @Test(arguments: [
    ("one", ["user1"]), ("One@Home.Test", ["user1"]), ("remote@home.test", ["target@far.test"]),
    ("mixed", ["user1", "user2", "a@far.test", "b@far.test"]),
    ("nested", ["user1", "user2", "user3", "a@far.test", "b@far.test", "target@far.test"]),
    ("self", ["self", "copy@far.test"]), ("self@home.test", ["self", "copy@far.test"]),
    ("dup", ["user1", "a@far.test"]), ("quoted", ["user1", "user2"]),
    ("escaped", ["one", "user2"]),
    ("withext", ["user1+box"]), ("tag+ext", ["user3"]), ("tag+other", ["user2", "t@far.test"]),
    ("viavirtual", ["user3", "vv@far.test"]), ("\"two words\"@home.test", ["user1"]),
    (
      "tovirt@origin.test",
      [
        "user1", "user2", "user3", "a@far.test", "b@far.test", "target@far.test",
      ]
    ),
    ("user2", ["no@far.test"]), ("user9", ["user9"]), ("one@far.test", ["one@far.test"]),
    ("half1", ["user1", "user2"]), ("virtloop", ["user1"]),
  ])
  func aliasesLeadWhereThoseOfPostfixDo(_ address: String, _ expected: [String]) async throws {
    #expect(try await Self.expanded(address, by: Self.rewriting()) == Set(expected), "\(address)")
  }

  /// Postfix said `alias database loop` and returned such mail. Here it goes to the user of that
  /// name, and if there is none it is returned too.
  @Test func aCircleMeansTheUserOfItsName() async throws {
    let rewriting = try Self.rewriting()
    #expect(try await Self.expanded("loop1", by: rewriting) == ["loop1"])
    #expect(try await Self.expanded("empty", by: rewriting) == ["empty"])
    #expect(try await Self.expanded("circle", by: rewriting) == ["user1"])
  }

  @Test func thoseOfAFileAreAskedForInAllTables() async throws {
    let found = try await Self.expanded("list", by: Self.rewriting())
    #expect(
      found == [
        "user1", "inc2@far.test", "user3", "no@far.test", "user4", "a@far.test", "b@far.test",
        "target@far.test",
      ])
  }

  @Test func extensionsAreKeptWhereTheyAreWanted() async throws {
    let rewriting = try Self.rewriting {
      $0.keepsExtension = true
      $0.keepsExtensionInFiles = true
    }
    #expect(try await Self.expanded("tag+x", by: rewriting) == ["user2+x", "t+x@far.test"])
    let listed = try await Self.expanded("list+x", by: rewriting)
    #expect(listed.isSuperset(of: ["user1+x", "inc2+x@far.test", "user4+x"]))
  }

  @Test(arguments: [
    ("program", ["program 1/1", "user1"]), ("program+x", ["program+x 1/1 bare", "user1"]),
    ("file", ["file 1/1"]), ("both", ["program 1/1", "user1"]),
    ("badlist", ["badlist 1/1 in file", "user1"]),
    // The command that both name is run for both.
    // The files may be two users', whose rights differ.
    ("procmails", ["procmails 1/2 in file", "procmails 2/2 in file"]),
    ("twice", ["program 1/1", "program2 1/2", "program2 2/2", "user1"]),
  ])
  func commandsAndFilesAreRecipientsOfTheirOwn(
    _ address: String, _ expected: [String]
  ) async throws {
    #expect(try await Self.expanded(address, by: Self.rewriting()) == Set(expected))
  }

  /// Only what tables say names a command: an address that looks like one is an address.
  @Test(arguments: ["|command@home.test", "\"|command -x\"@home.test", "/var/log/mail@home.test"])
  func anAddressIsNeverACommand(_ address: String) async throws {
    let found = try await Self.rewriting().recipients(for: MailAddress(address))
    #expect(found == [ExpandedRecipient(MailAddress(address))])
  }

  @Test func requeuedMailFollowsAnAliasWhoseCommandsHaveChanged() async throws {
    let rewriting = try Self.rewriting()
    let alias = MailAddress("program2@home.test")
    for (count, isInFile, isKnown) in [(2, false, true), (1, false, false), (2, true, false)] {
      let place = AliasProgramPlace(
        index: 0, count: UInt32(count), isInFile: isInFile, isBare: false)
      #expect(try await rewriting.knows([place], of: alias) == isKnown)
    }
    let inFile = AliasProgramPlace(index: 0, count: 1, isInFile: true, isBare: false)
    #expect(try await rewriting.knows([inFile], of: MailAddress("badlist@home.test")))
  }

  /// Beside its number it is told by what it says: one that has another's place is not taken for
  /// it, and one that has moved is found.
  @Test func aCommandIsKnownByWhatItSays() throws {
    func item(_ text: String, _ path: String = "") -> IncludedItems.Item {
      IncludedItems.Item(text: Array(text.utf8), owner: 0, path: Array(path.utf8))
    }
    let place = AliasProgramPlace(
      index: 1, count: 2, isInFile: true, isBare: false, checksum: item("|b", "/list").checksum)
    #expect(place.find(in: [item("|a", "/list"), item("|b", "/list")]) == 1)
    #expect(place.find(in: [item("|b", "/list"), item("|a", "/list")]) == 0)
    #expect(place.find(in: [item("|b", "/list")]) == 0)
    #expect(place.find(in: [item("|b", "/list"), item("|b", "/list")]) == 1)
    #expect(place.find(in: [item("|a", "/list"), item("|c", "/list")]) == nil)
    // Another's file with the same words.
    #expect(place.find(in: [item("|a", "/list"), item("|b", "/other")]) == nil)
    #expect(place.find(in: []) == nil)
  }

  @Test func whatAnAliasStandsForIsKeptWithItsChecksum() async throws {
    let rewriting = try Self.rewriting()
    let alias = MailAddress("program2@home.test")
    let found = try await rewriting.recipients(for: alias)
    var checksums: Set<UInt32?> = []
    for recipient in found {
      guard case .program(let place) = recipient.kind else { continue }
      checksums.insert(place.checksum)
      #expect(try await rewriting.knows([place], of: alias))
      let edited = AliasProgramPlace(
        index: place.index, count: place.count, flags: place.flags,
        checksum: place.checksum.map { $0 ^ 1 })
      #expect(try await !rewriting.knows([edited], of: alias))
    }
    #expect(checksums.count == 2 && !checksums.contains(nil))
  }

  @Test func anAliasWithAnOwnerIsExpandedUnderItsName() async throws {
    let rewriting = try Self.rewriting()
    for (name, waiting, found, sender) in [
      ("owned", ["alias owned"], ["user1", "a@far.test"], "owner-owned@origin.test"),
      ("many", ["alias many"], ["x@far.test"], "owner-many@origin.test"),
      ("ownself", ["alias ownself"], ["ownself", "z@far.test"], "owner-ownself@origin.test"),
    ] {
      #expect(try await Self.expanded(name, by: rewriting) == Set(waiting))
      let opened = try await rewriting.open(MailAddress("\(name)@origin.test"))
      #expect(Set(opened.recipients.map(Self.text)) == Set(found))
      #expect(opened.sender?.description == sender)
    }
    #expect(
      try await Self.expanded("outer", by: rewriting)
        == ["x@far.test", "alias owned", "alias nofile", "y@far.test"])
    // Whoever is no alias any more is a user.
    let gone = try await rewriting.open(MailAddress("gone@origin.test"))
    #expect(gone.recipients.map(Self.text) == ["gone"] && gone.sender == nil)
  }

  @Test func anOwnerIsExpandedWhereThatIsWanted() async throws {
    let rewriting = try Self.rewriting { $0.expandsOwner = true }
    for (name, sender) in [
      ("owned", "o@far.test"), ("ownself", "someone@origin.test"),
      // No sender can be two.
      ("many", "owner-many@origin.test"),
    ] {
      let opened = try await rewriting.open(MailAddress("\(name)@origin.test"))
      #expect(opened.sender?.description == sender)
    }
  }

  @Test func theFilterSeesTheAlias() async throws {
    let rewriting = try Self.rewriting()
    let address = MailAddress("one@home.test")
    #expect(
      try await rewriting.recipients(for: address, isFiltered: true) == [ExpandedRecipient(address)]
    )
  }

  @Test(arguments: ["nofile", "relative"])
  func aFileThatCannotBeReadPutsOffItsAliasAlone(_ name: String) async throws {
    let rewriting = try Self.rewriting()
    #expect(try await Self.expanded(name, by: rewriting) == ["alias \(name)"])
    let error = await #expect(throws: RewriteError.self) {
      try await rewriting.open(MailAddress("\(name)@origin.test"))
    }
    #expect(error?.description == "alias_maps map lookup problem for \(name)@origin.test")
    #expect(error?.isUnreasonable == false)
  }

  @Test func anExpansionHasItsLimit() async throws {
    let rewriting = try Self.rewriting { $0.expansionMax = 3 }
    #expect(try await Self.expanded("tag", by: rewriting).count == 2)
    let error = await #expect(throws: RewriteError.self) {
      try await Self.expanded("mixed", by: rewriting)
    }
    #expect(
      error?.description == "unreasonable alias_maps map expansion size for mixed@origin.test")
    #expect(error?.isUnreasonable == true)
  }
}
