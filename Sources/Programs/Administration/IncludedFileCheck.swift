import AddressRewriting
import Configuration
import LinuxSystem
import LookupTables
import Master
import Primitives
import SystemPackage

/// Files that aliases include and that the roles may not read: who names them is told before mail
/// waits for them.
struct IncludedFileCheck {
  /// Who reads them: `smtpd` and `qmgr` run as this user, where Postfix reads a file as its owner.
  let reader: Account

  /// - Throws: what is wrong with `mail_owner`.
  init(_ configuration: Configuration) throws(MasterProcess.Failure) {
    reader =
      try MasterProcess.mailOwner(configuration)
      ?? Account(name: "", uid: Identity.uid, gid: Identity.gid, home: "", shell: "")
  }

  /// For use with a reader of a test's own.
  init(reader: Account) { self.reader = reader }

  /// Sentences about the files that a table includes, in the order of its lines.
  func warnings(about table: DictionaryTable) -> [String] {
    let file = table.name.drop { $0 != ":" }.dropFirst()
    // An `inline:` table has no lines.
    let lines = LogicalLines((try? Files.readWhole(String(file), limit: 256 << 20)) ?? []).lines
    var found: [(line: Int, text: String)] = []
    for (key, value) in table.all {
      for path in AliasTables.includedPaths(of: value) {
        let path = String(decoding: path, as: UTF8.self)
        guard let flaw = flaw(of: path) else { continue }
        let line = lines.first { String(decoding: $0.text, as: UTF8.self).contains(path) }
        let alias = String(decoding: key, as: UTF8.self)
        let place = line.map { "\(file), line \($0.number)" } ?? "alias_maps: \(table.name)"
        found.append(
          (
            line?.number ?? 0,
            "\(place): alias \(alias): :include:\(path): \(flaw): its mail waits in the queue"
          ))
      }
    }
    return found.sorted { ($0.line, $0.text) < ($1.line, $1.text) }.map(\.text)
  }

  /// Why the reader cannot read a file; `nil` where it can, or may have a group that can.
  func flaw(of path: String) -> String? {
    do throws(Errno) {
      for slash in path.indices.dropFirst() where path[slash] == "/" {
        let folder = String(path[..<slash])
        guard may(0o1, try Files.status(folder, follow: true)) else {
          return "user \(name) may not search \(folder)"
        }
      }
      return may(0o4, try Files.status(path, follow: true)) ? nil : "user \(name) may not read it"
    } catch {
      return "\(error)"
    }
  }

  private var name: String { reader.name.isEmpty ? "\(reader.uid)" : reader.name }

  private func may(_ bit: UInt32, _ status: FileStatus) -> Bool {
    let mode = status.permissions
    if reader.uid == 0 { return true }
    if status.uid == reader.uid { return mode & bit << 6 != 0 }
    if status.gid == reader.gid { return mode & bit << 3 != 0 }
    return mode & (bit | bit << 3) != 0
  }
}
