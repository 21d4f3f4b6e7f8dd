package import Configuration
import LinuxSystem
package import LookupTables
import Primitives
import Reactor
import SystemPackage

extension TableOpener {
  /// The largest file of a table or list, in bytes.
  private static let fileSizeMax = 256 << 20

  /// Opens tables in a role: files are read when they are opened, name services and regular
  /// expressions are asked on threads of their own, and answers of the former are kept.
  ///
  /// `takesGroups` is false where senders must not choose what is found; `contents` has files, by
  /// path, that were read beforehand.
  @ReactorActor
  package static func role(
    _ configuration: Configuration, takesGroups: Bool = true, contents: [String: [UInt8]] = [:]
  ) -> TableOpener {
    let depth = configuration[.lookupQueueLimit]
    let timeout = configuration[.lookupTimeout]
    let patterns = LookupThread(name: "patterns", depthMax: depth, timeout: timeout)
    let accounts = LookupThread(name: "accounts", depthMax: depth, timeout: timeout)
    let cache = AccountCache(
      sizeMax: configuration[.accountCacheSize], lifetime: configuration[.accountCacheTime])
    return opener(
      patterns: patterns, accounts: accounts, cache: cache, takesGroups: takesGroups,
      contents: contents)
  }

  /// Opens tables in a command, which waits for each of them.
  package static func command() -> TableOpener {
    opener(patterns: DirectWorker(), accounts: DirectWorker(), cache: nil)
  }

  private static func opener(
    patterns: any LookupWorker, accounts: any LookupWorker, cache: AccountCache?,
    takesGroups: Bool = true, contents: [String: [UInt8]] = [:]
  ) -> TableOpener {
    var opener = TableOpener(worker: patterns, takesGroups: takesGroups) { path in
      if let content = contents[path] { return content }
      return try? Files.readWhole(path, limit: fileSizeMax)
    }
    opener.add(type: "unix") { name, argument throws(LookupError) in
      try AccountTable(name, argument, worker: accounts, cache: cache)
    }
    opener.readIncluded = { path, limit throws(LookupError) in
      let work: @Sendable () -> Result<[UInt8]?, LookupError> = { included(path, limit: limit) }
      return try await patterns.answer(to: work, of: path) ?? []
    }
    return opener
  }

  /// Whoever may write to such a file must not be able to stop the thread with a FIFO.
  private static func included(_ path: String, limit: Int) -> Result<[UInt8]?, LookupError> {
    do throws(Errno) {
      let file = try Files.open(path, [.read, .nonblocking])
      let status = try Files.status(of: file.raw)
      guard status.isRegular else {
        return .failure(.failed(table: path, reason: "it is no ordinary file"))
      }
      let bytes = try Files.read(file.raw, count: min(Int(status.size), limit) + 1, at: 0)
      guard bytes.count <= limit else {
        return .failure(
          .failed(
            table: path, reason: "it is larger than alias_include_size_limit, \(limit) bytes"))
      }
      return .success(bytes)
    } catch {
      return .failure(.failed(table: path, reason: "\(error)"))
    }
  }
}
