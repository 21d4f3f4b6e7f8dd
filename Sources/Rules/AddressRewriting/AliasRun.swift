import LookupTables
import MailTypes
import Primitives

/// One expansion of an alias of a local user under way.
struct AliasRun {
  /// Aliases of aliases.
  private static let depthMax = 100

  private(set) var recipients: [LocalAliases.Recipient] = []
  /// Whether the first alias is opened whatever its owner, and must not fail to.
  var sparesRoot = false
  private let aliases: LocalAliases
  private let root: MailAddress
  private let memory: ExpansionMemory
  /// Aliases that have been looked into: the second time they add nobody.
  private var opened: Set<[UInt8]> = []
  private var filesRead = 0
  private var known: Set<[UInt8]> = []

  init(_ aliases: LocalAliases, for root: MailAddress, in memory: ExpansionMemory) {
    self.aliases = aliases
    self.root = root
    self.memory = memory
  }

  /// Takes those for whom an alias stands; users among them are final unless a file led here. False
  /// when the alias is to have a fate of its own: then nobody has been taken.
  mutating func open(
    _ entry: AliasTables.Entry, of recipient: MailAddress, depth: Int, isFinal: Bool = true
  ) async throws(RewriteError) -> Bool {
    guard opened.insert(AliasTables.name(of: recipient)).inserted else { return true }
    guard depth < Self.depthMax else {
      throw .nestedTooDeeply(map: RewriteError.aliasMaps, address: root)
    }
    let isSpared = sparesRoot && depth == 0
    var included = IncludedItems(
      of: entry, filesMax: aliases.settings.expansionMax - filesRead)
    do throws(LookupError) {
      if !isSpared, try await aliases.tables.owner(of: entry.name) != nil { return false }
      do throws(LookupError) {
        while let path = try included.nextPath() {
          included.take(try await aliases.readFile(path), owner: 0)
        }
      } catch {
        if !isSpared { return false }
        throw error
      }
    } catch {
      throw .lookupFailed(map: RewriteError.aliasMaps, address: root, error)
    }
    filesRead += included.fileCount
    try add(entry.items, of: entry, at: recipient, areInFile: false)
    let unmatched = aliases.settings.keepsExtension ? entry.unmatched : []
    for item in entry.addresses {
      try await take(item, unmatched, in: entry, depth + 1, isFinal: isFinal)
    }
    try add(included.programs, of: entry, at: recipient, areInFile: true)
    // As in Postfix, where those of files get a message of their own: all tables are asked about
    // them again.
    let unmatchedInFile = aliases.settings.keepsExtensionInFiles ? entry.unmatched : []
    for item in included.addresses {
      try await take(item, unmatchedInFile, in: entry, depth + 1, isFinal: false)
    }
    return true
  }

  private mutating func add(
    _ programs: [IncludedItems.Item], of entry: AliasTables.Entry, at recipient: MailAddress,
    areInFile: Bool
  ) throws(RewriteError) {
    for (index, program) in programs.enumerated() {
      let place = AliasProgramPlace(
        index: UInt32(clamping: index), count: UInt32(clamping: programs.count),
        isInFile: areInFile, isBare: entry.isBare, checksum: program.checksum)
      // The same file is written once, if the same people named it. A command is told by which
      // alias it runs, and whose an included file is only `local` knows.
      let text = program.text
      var key = [0, areInFile ? 1 : 0] + Array("\(entry.owner) ".utf8)
      if areInFile || text.first == UInt8(ascii: "|") {
        key += AliasTables.name(of: recipient) + [0]
      }
      if areInFile { key += Array("\(index) ".utf8) }
      key += text
      try append(
        LocalAliases.Recipient(address: recipient, kind: .program(place), isUser: false), as: key)
    }
  }

  private mutating func take(
    _ item: [UInt8], _ unmatched: [UInt8], in entry: AliasTables.Entry, _ depth: Int,
    isFinal: Bool
  ) async throws(RewriteError) {
    // As Postfix reads it: one backslash only quotes, two mean the user and no alias.
    let name = item.drop { $0 == UInt8(ascii: "\\") }
    if name.isEmpty { return }
    let isUser = item.count - name.count > 1
    var address = aliases.resolver.completed(MailAddress(Array(name)))
    if !unmatched.isEmpty { address = address.extended(by: unmatched) }
    let user: MailAddress?
    var next: AliasTables.Entry?
    do throws(LookupError) {
      user = try await aliases.delivery(address)
      if let user, !isUser { next = try await aliases.tables.entry(for: user, within: entry.name) }
    } catch {
      throw .lookupFailed(map: RewriteError.aliasMaps, address: root, error)
    }
    guard let user else { return try add(address) }
    guard let next else { return try add(user, isUser: isFinal || isUser) }
    guard try await open(next, of: user, depth: depth, isFinal: isFinal) else {
      return try append(
        LocalAliases.Recipient(address: user, kind: .alias, isUser: false), as: [0] + user.bytes)
    }
  }

  private mutating func add(_ address: MailAddress, isUser: Bool = false) throws(RewriteError) {
    // A user has one mailbox, whichever of this host's domains is named.
    let key = isUser ? AliasTables.name(of: address) : address.bytes.map(ASCII.lowercased)
    try append(
      LocalAliases.Recipient(address: address, kind: .address, isUser: isUser), as: key)
  }

  /// Takes a recipient, unless there is one with the same key.
  private mutating func append(
    _ recipient: LocalAliases.Recipient, as key: [UInt8]
  ) throws(RewriteError) {
    guard !known.contains(key) else { return }
    try memory.take(for: CollectionOfOne(recipient.address), of: root)
    known.insert(key)
    recipients.append(recipient)
    guard recipients.count <= aliases.settings.expansionMax,
      opened.count <= aliases.settings.expansionMax + 1
    else { throw .expansionTooLarge(map: RewriteError.aliasMaps, address: root) }
  }
}
