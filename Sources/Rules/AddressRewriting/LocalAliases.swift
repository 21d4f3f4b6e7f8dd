package import LookupTables
package import MailTypes
import Primitives

/// The aliases of local users (`alias_maps`, aliases(5)): who gets the mail of a recipient that is
/// delivered on this host.
package struct LocalAliases: Sendable {
  /// Somebody for whom an alias stands.
  package struct Recipient: Equatable, Sendable {
    /// The address; for anything but an address that of the alias.
    package let address: MailAddress
    /// Whether it is an address, one of an alias's commands and files, or an alias with a fate of
    /// its own.
    package let kind: RecipientKind
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
    /// `expand_owner_alias`: whether the sender is whom `owner-name` stands for.
    package var expandsOwner = false

    /// Postfix's defaults.
    package init() {}
  }

  /// An alias that is expanded under its own name.
  package struct Opened: Equatable, Sendable {
    /// For whom it stands.
    package let recipients: [Recipient]
    /// The sender of what goes on to them; `nil` when it stays the same.
    package let sender: MailAddress?
  }

  /// The recipient as its agent gets it; `nil` when its mail is not delivered on this host.
  package typealias Delivery = @Sendable (MailAddress) async throws(LookupError) -> MailAddress?
  /// Gives the bytes of a file that an alias includes.
  package typealias FileReader = @Sendable (String) async throws(LookupError) -> [UInt8]

  let resolver: AddressResolver
  let settings: Settings
  let delivery: Delivery
  let readFile: FileReader
  let tables: AliasTables
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
    self.tables = AliasTables(tables, delimiters: settings.delimiters)
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

  /// Who gets the mail of a recipient, through all aliases and files that its alias names; `nil`
  /// when it is no alias of this host.
  ///
  /// An alias with an owner, and one of which a file cannot be read now, stays in the result as
  /// `.alias`: its mail becomes new mail when it is delivered. An alias that leads to nobody but
  /// itself means the user of its name.
  ///
  /// - Parameter memory: is asked before results are kept.
  package func expand(
    _ recipient: MailAddress, in memory: ExpansionMemory = ExpansionMemory()
  ) async throws(RewriteError) -> [Recipient]? {
    guard mayKnow(recipient), let (user, entry) = try await find(recipient) else { return nil }
    var run = AliasRun(self, for: user, in: memory)
    guard try await run.open(entry, of: user, depth: 0) else {
      return [Recipient(address: user, kind: .alias, isUser: false)]
    }
    return recipients(of: run, user)
  }

  /// As `expand`, for a recipient whose turn has come: its own owner is told, and a file that
  /// cannot be read is an error. What is no alias any more is the user of its name.
  package func open(_ recipient: MailAddress) async throws(RewriteError) -> Opened {
    guard let (user, entry) = try await find(recipient) else {
      return Opened(
        recipients: [Recipient(address: recipient, kind: .address, isUser: true)], sender: nil)
    }
    var run = AliasRun(self, for: user, in: ExpansionMemory())
    run.sparesRoot = true
    guard try await run.open(entry, of: user, depth: 0) else {
      preconditionFailure("an alias whose turn has come is opened or fails")
    }
    do throws(LookupError) {
      return Opened(recipients: recipients(of: run, user), sender: try await sender(for: entry))
    } catch {
      throw .lookupFailed(map: RewriteError.aliasMaps, address: recipient, error)
    }
  }

  /// Whether an alias has all commands and files that are meant; each file is read once.
  func knows(
    _ places: [AliasProgramPlace], of alias: MailAddress
  ) async throws(RewriteError) -> Bool {
    var found: [UInt8: [IncludedItems.Item]] = [:]
    do throws(LookupError) {
      for place in places {
        let programs: [IncludedItems.Item]
        if let known = found[place.flags] {
          programs = known
        } else {
          programs = try await self.programs(of: alias, place)
          found[place.flags] = programs
        }
        guard place.find(in: programs) != nil else { return false }
      }
      return true
    } catch {
      throw .lookupFailed(map: RewriteError.aliasMaps, address: alias, error)
    }
  }

  private func programs(
    of alias: MailAddress, _ place: AliasProgramPlace
  ) async throws(LookupError) -> [IncludedItems.Item] {
    guard let entry = try await tables.entry(of: alias, place) else { return [] }
    guard place.isInFile else { return entry.items }
    var included = IncludedItems(of: entry, filesMax: settings.expansionMax)
    while let path = try included.nextPath() {
      included.take(try await readFile(path), owner: 0)
    }
    return included.programs
  }

  private func recipients(of run: AliasRun, _ user: MailAddress) -> [Recipient] {
    run.recipients.isEmpty
      ? [Recipient(address: user, kind: .address, isUser: true)] : run.recipients
  }

  private func find(
    _ recipient: MailAddress
  ) async throws(RewriteError) -> (MailAddress, AliasTables.Entry)? {
    do throws(LookupError) {
      guard let user = try await delivery(recipient),
        let entry = try await tables.entry(for: user)
      else { return nil }
      return (user, entry)
    } catch {
      throw .lookupFailed(map: RewriteError.aliasMaps, address: recipient, error)
    }
  }

  /// The sender of what an alias with an owner passes on: `owner-name`, or the one address for
  /// which that stands where it is wanted.
  private func sender(
    for entry: AliasTables.Entry
  ) async throws(LookupError) -> MailAddress? {
    guard let owner = try await tables.owner(of: entry.name) else { return nil }
    let items = AliasItems(AddressList(owner.value).addresses)
    if settings.expandsOwner, items.addresses.count == 1, let address = items.addresses.first,
      items.programs.isEmpty, items.includedPaths.isEmpty
    {
      return resolver.completed(MailAddress(address))
    }
    return resolver.completed(MailAddress(owner.name))
  }
}
