package import LookupTables
package import MailTypes
import Primitives

/// The aliases of local users (`alias_maps`, aliases(5)): who gets the mail of a recipient that is
/// delivered on this host.
package struct LocalAliases: Sendable {
  /// Somebody for whom an alias stands.
  package struct Recipient: Equatable, Sendable {
    /// The address.
    package let address: MailAddress
    /// Whether it is a user of this host, to whom mail is delivered whatever else tables say.
    package let isUser: Bool
  }

  /// What bounds and shapes an expansion.
  package struct Settings: Sendable {
    /// `recipient_delimiter`.
    package var delimiters = ""
    /// Whether `propagate_unmatched_extensions` names `alias`.
    package var keepsExtension = false
    /// Whether `propagate_unmatched_extensions` names `include`.
    package var keepsExtensionInFiles = false
    /// `alias_expansion_limit`: addresses that one recipient may stand for, and files read for it.
    package var expansionMax = 1000

    /// Postfix's defaults.
    package init() {}
  }

  /// The recipient as its agent gets it; `nil` when its mail is not delivered on this host.
  package typealias Delivery = @Sendable (MailAddress) async throws(LookupError) -> MailAddress?
  /// Gives the bytes of a file that an alias includes.
  package typealias FileReader = @Sendable (String) async throws(LookupError) -> [UInt8]

  let resolver: AddressResolver
  let settings: Settings
  let delivery: Delivery
  let readFile: FileReader
  private let tables: TableSet
  private let mayBeLocal: @Sendable (MailAddress) -> Bool

  /// - Parameters:
  ///   - tables: `alias_maps`.
  ///   - resolver: completes addresses.
  ///   - mayBeLocal: answers at once; false for what is surely delivered elsewhere.
  ///   - delivery: tells recipients of this host from others.
  ///   - readFile: reads the files that aliases include.
  package init(
    _ tables: TableSet, resolver: AddressResolver, settings: Settings,
    mayBeLocal: @escaping @Sendable (MailAddress) -> Bool, delivery: @escaping Delivery,
    readFile: @escaping FileReader
  ) {
    self.tables = tables
    self.resolver = resolver
    self.settings = settings
    self.mayBeLocal = mayBeLocal
    self.delivery = delivery
    self.readFile = readFile
  }

  /// Whether a recipient may be an alias; false where that is sure without asking.
  package func mayKnow(_ recipient: MailAddress) -> Bool {
    !tables.isEmpty && mayBeLocal(recipient)
  }

  /// The alias of a local recipient that stands for a command or a file among others; `nil` when
  /// none does. Its mail has to wait, since only addresses get mail.
  package func program(
    for recipient: MailAddress
  ) async throws(LookupError) -> MailAddress? {
    guard let entry = try await entry(for: recipient, within: nil), entry.hasProgram else {
      return nil
    }
    return MailAddress(entry.name)
  }

  /// Who gets the mail of a recipient, through all aliases and files that its alias names; `nil`
  /// when it is no alias of this host, or one for a command or a file.
  ///
  /// An alias that leads to nobody but itself means the user of its name.
  ///
  /// - Parameter memory: is asked before results are kept.
  package func expand(
    _ recipient: MailAddress, in memory: ExpansionMemory = ExpansionMemory()
  ) async throws(RewriteError) -> [Recipient]? {
    guard mayKnow(recipient) else { return nil }
    let user: MailAddress
    let entry: Entry
    do throws(LookupError) {
      guard let found = try await delivery(recipient),
        let known = try await self.entry(for: found, within: nil), !known.hasProgram
      else { return nil }
      user = found
      entry = known
    } catch {
      throw .lookupFailed(map: RewriteError.aliasMaps, address: recipient, error)
    }
    var run = AliasRun(self, for: user, in: memory)
    try await run.open(entry, of: user, depth: 0)
    return run.recipients.isEmpty ? [Recipient(address: user, isUser: true)] : run.recipients
  }

  /// What the tables say about a user.
  struct Entry {
    /// The name that was found, in lower case.
    let name: [UInt8]
    let list: AddressList
    /// The delimiter and extension that the name does not have; empty for none.
    let unmatched: [UInt8]

    var hasProgram: Bool { list.addresses.contains(where: LocalAliases.isProgram) }
  }

  /// Asks about `user+extension`, then about `user`, but not for the alias that named it: within
  /// itself an alias means the user.
  func entry(
    for recipient: MailAddress, within alias: [UInt8]?
  ) async throws(LookupError) -> Entry? {
    let name = Self.name(of: recipient)
    if name != alias, let found = try await tables.find(name) {
      return Entry(name: name, list: AddressList(found.value), unmatched: [])
    }
    guard let bare = recipient.withoutExtension(delimiters: settings.delimiters) else { return nil }
    let short = Self.name(of: bare)
    guard short != alias, let found = try await tables.find(short) else { return nil }
    return Entry(
      name: short, list: AddressList(found.value),
      unmatched: Array(recipient.localPart[bare.localPart.count...]))
  }

  /// The local part as tables hold it.
  static func name(of recipient: MailAddress) -> [UInt8] {
    LocalPart.meaning(of: recipient.localPart).map(ASCII.lowercased)
  }

  /// Whether an item of an alias is a command or a file.
  package static func isProgram(_ item: [UInt8]) -> Bool {
    let first = LocalPart.meaning(of: item).first
    return first == UInt8(ascii: "|") || first == UInt8(ascii: "/")
  }
}
