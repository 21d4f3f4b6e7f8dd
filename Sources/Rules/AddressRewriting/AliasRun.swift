import LookupTables
import MailTypes
import Primitives

/// One expansion of an alias of a local user under way.
struct AliasRun {
  /// Aliases of aliases, and files in files.
  private static let depthMax = 100

  private(set) var recipients: [LocalAliases.Recipient] = []
  private let aliases: LocalAliases
  private let root: MailAddress
  private let memory: ExpansionMemory
  /// Aliases and files that have been looked into: the second time they add nobody.
  private var opened: Set<[UInt8]> = []
  private var known: Set<[UInt8]> = []

  init(_ aliases: LocalAliases, for root: MailAddress, in memory: ExpansionMemory) {
    self.aliases = aliases
    self.root = root
    self.memory = memory
  }

  /// Takes those for whom an alias stands; users among them are final unless a file led here.
  mutating func open(
    _ entry: LocalAliases.Entry, of recipient: MailAddress, depth: Int, isFinal: Bool = true
  ) async throws(RewriteError) {
    guard opened.insert(LocalAliases.name(of: recipient)).inserted else { return }
    guard depth < Self.depthMax else {
      throw .nestedTooDeeply(map: RewriteError.aliasMaps, address: root)
    }
    for item in entry.list.addresses {
      if let path = Self.includedPath(item) {
        try await include(path, in: entry, depth + 1)
      } else {
        let unmatched = aliases.settings.keepsExtension ? entry.unmatched : []
        try await take(item, unmatched, in: entry, depth + 1, isFinal: isFinal)
      }
    }
  }

  private static func includedPath(_ item: [UInt8]) -> [UInt8]? {
    let prefix = Array(":include:".utf8)
    let text = LocalPart.meaning(of: item)
    guard text.prefix(prefix.count).map(ASCII.lowercased) == prefix else { return nil }
    return Array(text[prefix.count...])
  }

  private mutating func include(
    _ path: [UInt8], in entry: LocalAliases.Entry, _ depth: Int
  ) async throws(RewriteError) {
    // No name of an alias begins like this.
    guard opened.insert([0] + path).inserted else { return }
    guard depth < Self.depthMax else {
      throw .nestedTooDeeply(map: RewriteError.aliasMaps, address: root)
    }
    let name = String(decoding: path, as: UTF8.self)
    try checkSize()
    let bytes: [UInt8]
    do throws(LookupError) {
      guard path.first == UInt8(ascii: "/") else {
        throw .malformed(table: ":include:\(name)", reason: "expected a path that begins with /")
      }
      bytes = try await aliases.readFile(name)
    } catch {
      throw .lookupFailed(map: RewriteError.aliasMaps, address: root, error)
    }
    let unmatched = aliases.settings.keepsExtensionInFiles ? entry.unmatched : []
    for line in LogicalLines(bytes).lines {
      for item in AddressList(line.text).addresses {
        if let path = Self.includedPath(item) {
          try await include(path, in: entry, depth + 1)
        } else if LocalAliases.isProgram(item) {
          throw .programInFile(path: name, address: root)
        } else {
          // As in Postfix, where those of files get a message of their own: all tables are
          // asked about them again.
          try await take(item, unmatched, in: entry, depth + 1, isFinal: false)
        }
      }
    }
  }

  private mutating func take(
    _ item: [UInt8], _ unmatched: [UInt8], in entry: LocalAliases.Entry, _ depth: Int,
    isFinal: Bool
  ) async throws(RewriteError) {
    // As Postfix reads it: one backslash only quotes, two mean the user and no alias.
    let name = item.drop { $0 == UInt8(ascii: "\\") }
    if name.isEmpty { return }
    let isUser = item.count - name.count > 1
    var address = aliases.resolver.completed(MailAddress(Array(name)))
    if !unmatched.isEmpty { address = address.extended(by: unmatched) }
    let user: MailAddress?
    var next: LocalAliases.Entry?
    do throws(LookupError) {
      user = try await aliases.delivery(address)
      if let user, !isUser { next = try await aliases.entry(for: user, within: entry.name) }
    } catch {
      throw .lookupFailed(map: RewriteError.aliasMaps, address: root, error)
    }
    guard let user else { return try add(address) }
    // One for a command stays as it is: its mail waits, and that of the others goes on.
    guard let next, !next.hasProgram else {
      return try add(user, isUser: isFinal || isUser)
    }
    try await open(next, of: user, depth: depth, isFinal: isFinal)
  }

  private mutating func add(_ address: MailAddress, isUser: Bool = false) throws(RewriteError) {
    // A user has one mailbox, whichever of this host's domains is named.
    let key = isUser ? LocalAliases.name(of: address) : address.bytes.map(ASCII.lowercased)
    guard !known.contains(key) else { return }
    try memory.take(for: CollectionOfOne(address), of: root)
    known.insert(key)
    recipients.append(LocalAliases.Recipient(address: address, isUser: isUser))
    try checkSize()
  }

  private func checkSize() throws(RewriteError) {
    guard recipients.count <= aliases.settings.expansionMax,
      opened.count <= aliases.settings.expansionMax + 1
    else { throw .expansionTooLarge(map: RewriteError.aliasMaps, address: root) }
  }
}
