import AccessPolicy
import Configuration
import LinuxSystem
import LocalDelivery
import LookupTables
import MailSite
import Master
import ServiceKit
import Synchronization
import SystemPackage

/// What the roles would find wrong with lists, tables and restrictions, found before they start.
enum SiteCheck {
  /// Sentences for the administrator.
  struct Findings {
    /// What keeps an `smtpd` or `qmgr` from serving.
    var errors: [String] = []
    /// What is not used as it stands.
    var warnings: [String] = []
  }

  /// Looks over the configuration of every listener.
  static func findings(_ files: ConfigurationFiles) -> Findings {
    var found = Findings()
    let flaws = TableFlaws()
    let listeners = files.services.filter { $0.command == "smtpd" }
    for configuration in [files.configuration]
      + listeners.map({ files.configuration.overlaid(by: $0).configuration })
    {
      do throws(MailSiteError) {
        let own = ((try? Interfaces.addresses()) ?? []).map(\.address)
        var tables = TableOpener.command()
        tables.noteFlaw = { flaws.add($1, of: $0) }
        let site = try MailSite(configuration, ownAddresses: own, tables: tables)
        let policy = try site.accessPolicy { _ in }
        _ = try site.milters
        for warning in site.warnings + policy.warnings.map(\.description) {
          add(warning, to: &found.warnings, configuration)
        }
      } catch {
        add(error.description, to: &found.errors, configuration)
      }
    }
    addUnknownTransports(to: &found, files)
    addLogFolder(to: &found, files.configuration)
    addLimits(to: &found, files.configuration)
    if let missing = ValueCheck.missingExchangers(files.configuration[.relayhost]) {
      add("relayhost: \(missing)", to: &found.warnings, files.configuration)
    }
    addIncludedFiles(to: &found, files.configuration)
    found.warnings += flaws.sentences
    found.warnings += pipeFlaws(files.services)
    found.errors += ServerKeys.findings(files)
    found.warnings += ServerKeys.warnings(files)
    return found
  }

  /// Transports that tables in memory name and `master.cf` does not have, each once.
  private static func addUnknownTransports(to found: inout Findings, _ files: ConfigurationFiles) {
    let configuration = files.configuration
    let check = TransportCheck(files.services)
    // A table that cannot be opened is an error of the site.
    let maps = try? TableSet(configuration[.transportMaps], opener: .command())
    for case let table as DictionaryTable in maps?.tables ?? [] {
      var named: [String: String] = [:]
      for (key, value) in table.all {
        guard let unknown = check.unknown(in: String(decoding: value, as: UTF8.self)) else {
          continue
        }
        let key = String(decoding: key, as: UTF8.self)
        named[unknown] = min(named[unknown] ?? key, key)
      }
      for (transport, key) in named.sorted(by: { $0.key < $1.key }) {
        add(
          "transport_maps: \(table.name): entry \(key): "
            + TransportCheck.sentence(about: transport), to: &found.warnings, configuration)
      }
    }
  }

  /// Files that aliases include and nobody reads. An owner that is none is an error of `check`'s.
  private static func addIncludedFiles(
    to found: inout Findings, _ configuration: Configuration
  ) {
    guard let check = try? IncludedFileCheck(configuration) else { return }
    let items = configuration[.aliasMaps]
    var opener = TableOpener.command()
    opener.aliasTables = Set(items)
    // A table that cannot be opened is an error of the site.
    for item in items {
      guard let table = try? opener.open(item) as? DictionaryTable else { continue }
      for warning in check.warnings(about: table) {
        add(warning, to: &found.warnings, configuration)
      }
    }
  }

  /// Messages that are taken and fit into no mailbox. Postfix delivers nothing then.
  private static func addLimits(to found: inout Findings, _ configuration: Configuration) {
    let largest = configuration[.messageSizeLimit]
    let hasVirtual = !configuration[.virtualMailboxDomains].isEmpty
    for (name, limit, isUsed) in [
      ("mailbox_size_limit", configuration[.mailboxSizeLimit], true),
      ("virtual_mailbox_limit", configuration[.virtualMailboxLimit], hasVirtual),
    ] where isUsed && limit > 0 && (largest == 0 || largest > limit) {
      let sentence =
        configuration.location(of: name) == nil
        ? "message_size_limit: \(largest) is larger than \(name), \(limit)"
        : "\(name): \(limit) is smaller than message_size_limit, \(largest)"
      add(sentence + ": what fits into no mailbox is returned", to: &found.warnings, configuration)
    }
  }

  /// The log cannot be opened in a folder that is not there.
  private static func addLogFolder(to found: inout Findings, _ configuration: Configuration) {
    let file = configuration[.maillogFile]
    guard let slash = file.lastIndex(of: "/"), slash > file.startIndex else { return }
    let folder = String(file[..<slash])
    do throws(Errno) {
      if try Files.status(folder, follow: true).isDirectory { return }
      add("maillog_file: \(folder) is no folder", to: &found.errors, configuration)
    } catch {
      add("maillog_file: folder \(folder): \(error)", to: &found.errors, configuration)
    }
  }

  /// The same for `master`, which judges the configuration of a reload.
  @Sendable static func verdict(_ files: ConfigurationFiles) -> MasterProcess.Verdict {
    let found = findings(files)
    return MasterProcess.Verdict(errors: found.errors, warnings: found.warnings)
  }

  /// What keeps a command from getting mail.
  private static func pipeFlaws(_ services: [ServiceEntry]) -> [String] {
    services.filter { $0.command == "pipe" }.compactMap { service in
      do throws(PipeService.Flaw) {
        _ = try PipeService(service.arguments)
        return nil
      } catch {
        return "\(service.location): \(service.name): \(error): its mail stays in the queue"
      }
    }
  }

  private static func add(
    _ sentence: String, to found: inout [String], _ configuration: Configuration
  ) {
    let full = configuration.located(sentence)
    if !found.contains(full) { found.append(full) }
  }
}

/// Lines of tables that are not used, of each table the first few.
private final class TableFlaws: Sendable {
  private static let shownMax = 5
  private let found = Mutex<[(table: String, flaws: [String], hasMore: Bool)]>([])

  func add(_ flaw: String, of table: String) {
    found.withLock { found in
      let place = found.firstIndex { $0.table == table } ?? found.count
      if place == found.count { found.append((table, [], false)) }
      // Several listeners open the same table.
      guard !found[place].flaws.contains(flaw) else { return }
      if found[place].flaws.count < Self.shownMax {
        found[place].flaws.append(flaw)
      } else {
        found[place].hasMore = true
      }
    }
  }

  var sentences: [String] {
    found.withLock { found in
      found.flatMap { table, flaws, hasMore in
        flaws.map { "\(table): \($0): the line is not used" }
          + (hasMore ? ["\(table): more lines are not used"] : [])
      }
    }
  }
}
