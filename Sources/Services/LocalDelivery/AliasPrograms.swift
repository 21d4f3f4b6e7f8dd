import AddressRewriting
import Configuration
import LookupTables
import MailTypes
import ServiceKit

/// The commands and files for which aliases of local users stand, as they are found when mail for
/// them is delivered.
///
/// Mail only says which of them is meant: what is run is said by who writes `alias_maps`, and never
/// by who sends mail, nor by a process that reads from the network.
struct AliasPrograms: Sendable {
  /// A command or a file, and whose rights it has.
  struct Program: Equatable, Sendable {
    /// `|command` or `/file/name`.
    let text: String
    /// The user id of who named it; 0 for the superuser, which stands for `default_privs`.
    let owner: UInt32

    var isCommand: Bool { text.hasPrefix("|") }
  }

  private let tables: AliasTables
  private let allowsCommands: Set<String>
  private let allowsFiles: Set<String>
  private let filesMax: Int
  private let fileSizeMax: Int

  /// Opens `alias_maps`.
  ///
  /// - Parameter opener: opens tables whose files are those of their owners, and refuses what puts
  ///   parts of an address into a command.
  /// - Throws: what is wrong with a table.
  init(_ configuration: Configuration, opener: TableOpener) throws(LookupError) {
    var opener = opener
    let items = configuration[.aliasMaps]
    opener.aliasTables = Set(items)
    tables = AliasTables(
      try TableSet(items, opener: opener), delimiters: configuration[.recipientDelimiter])
    allowsCommands = Set(configuration[.allowMailToCommands])
    allowsFiles = Set(configuration[.allowMailToFiles])
    filesMax = configuration[.aliasExpansionLimit]
    fileSizeMax = Int(configuration[.aliasIncludeSizeLimit])
  }

  /// Asks the tables.
  func entry(
    of alias: MailAddress, _ place: AliasProgramPlace
  ) async throws(NoDelivery) -> AliasTables.Entry? {
    do throws(LookupError) {
      return try await tables.entry(of: alias, place)
    } catch {
      throw Self.unavailable(error)
    }
  }

  private static func unavailable(_ error: LookupError) -> NoDelivery {
    NoDelivery(
      verdict: .failed(EnhancedStatus(4, 3, 0), "alias database unavailable"),
      warning: "alias_maps: \(error)")
  }

  /// The program at a place; blocks where it stands in a file.
  func program(
    of alias: MailAddress, _ place: AliasProgramPlace, in entry: AliasTables.Entry?
  ) throws(NoDelivery) -> Program {
    var found: [IncludedItems.Item] = []
    if let entry {
      found = place.isInFile ? try includedPrograms(of: entry) : entry.items
    }
    guard let index = place.find(in: found) else {
      let remedy = place.checksum == nil ? ": requeued mail (postsuper -r) follows it" : ""
      throw NoDelivery(
        verdict: .failed(EnhancedStatus(4, 3, 5), "alias \(alias) has changed since\(remedy)"))
    }
    let item = found[index]
    guard let text = String(validating: item.text, as: UTF8.self), !item.text.contains(0) else {
      throw NoDelivery(
        verdict: .misconfigured, warning: "alias \(alias): a command or file is no UTF-8 text")
    }
    let program = Program(text: text, owner: item.owner)
    let allowed = program.isCommand ? allowsCommands : allowsFiles
    guard allowed.contains(place.isInFile ? "include" : "alias") else {
      throw NoDelivery(
        verdict: .failed(
          EnhancedStatus(5, 7, 1), "mail to \(program.isCommand ? "command" : "file") is restricted"
        ))
    }
    return program
  }

  /// Those in the files that an alias includes. Who writes a table may name its own files only,
  /// unless that is the superuser: they are read with the superuser's rights.
  private func includedPrograms(
    of entry: AliasTables.Entry
  ) throws(NoDelivery) -> [IncludedItems.Item] {
    var included = IncludedItems(of: entry, filesMax: filesMax)
    do throws(LookupError) {
      while let path = try included.nextPath() {
        let file = try IncludedFile(path, limit: fileSizeMax)
        guard entry.owner == 0 || file.owner == entry.owner else {
          throw .failed(table: path, reason: "it is not owned by the owner of the alias table")
        }
        included.take(file.bytes, owner: file.owner)
      }
    } catch {
      throw Self.unavailable(error)
    }
    return included.programs
  }
}
