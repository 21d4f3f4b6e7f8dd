import LinuxSystem
package import LookupTables
import Primitives
package import Reactor
import SystemPackage

/// `unix:passwd.byname` and `unix:group.byname`: the accounts and groups that the name services of
/// the system know.
package struct AccountTable: LookupTable {
  private enum Kind: String { case accounts = "passwd.byname", groups = "group.byname" }

  /// The longest name that is looked up, in bytes.
  private static let nameLengthMax = 255

  /// The table as the configuration names it.
  package let name: String
  private let kind: Kind
  private let worker: any LookupWorker
  private let cache: AccountCache?

  /// Opens the table that `unix:` names; answers are kept in `cache`, if there is one.
  ///
  /// Throws `.malformed` for a table that there is not.
  package init(
    _ name: String, _ argument: String, worker: any LookupWorker, cache: AccountCache?
  ) throws(LookupError) {
    guard let kind = Kind(rawValue: argument) else {
      throw .malformed(table: name, reason: "expected unix:passwd.byname or unix:group.byname")
    }
    self.name = name
    self.kind = kind
    self.worker = worker
    self.cache = cache
  }

  package func find(_ key: [UInt8]) async throws(LookupError) -> [UInt8]? {
    // No account has such a name, and C would read only a part of some of them.
    guard !key.isEmpty, key.count <= Self.nameLengthMax,
      !key.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") })
    else { return nil }
    if let known = await cache?.find(key, in: name) { return known }
    let value = try await worker.answer(to: { look(key) }, of: name)
    await cache?.keep(value, of: key, in: name)
    return value
  }

  private func look(_ key: [UInt8]) -> Result<[UInt8]?, LookupError> {
    let text = String(decoding: key, as: UTF8.self)
    do throws(Errno) {
      switch kind {
      case .accounts:
        let account = try Identity.account(named: text)
        return .success(
          account.map {
            Array("\($0.name):x:\($0.uid):\($0.gid)::\($0.home):\($0.shell)".utf8)
          })
      case .groups:
        return .success(try Identity.group(named: text).map { Array("\(text):x:\($0):".utf8) })
      }
    } catch {
      return .failure(.failed(table: name, reason: "\(error)"))
    }
  }
}

/// What name services said, for some time.
@ReactorActor
package final class AccountCache {
  private struct Key: Hashable {
    let table: String
    let key: [UInt8]
  }

  private let sizeMax: Int
  private let lifetime: Duration
  private var entries: [Key: (value: [UInt8]?, end: MonotonicTime)] = [:]

  /// - Parameters:
  ///   - sizeMax: answers that are kept; beyond it all are forgotten and learnt again.
  ///   - lifetime: how long an answer counts.
  package init(sizeMax: Int, lifetime: Duration) {
    self.sizeMax = sizeMax
    self.lifetime = lifetime
  }

  /// The answer that is known; `nil` when none is, `.some(nil)` when there is no such name.
  package func find(_ key: [UInt8], in table: String) -> [UInt8]?? {
    guard let entry = entries[Key(table: table, key: key)], Reactor.shared.now < entry.end else {
      return nil
    }
    return .some(entry.value)
  }

  /// Keeps an answer.
  package func keep(_ value: [UInt8]?, of key: [UInt8], in table: String) {
    if entries.count >= sizeMax { entries.removeAll(keepingCapacity: true) }
    entries[Key(table: table, key: key)] = (value, Reactor.shared.now + lifetime)
  }
}
