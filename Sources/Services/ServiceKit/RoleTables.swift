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
    var opener = TableOpener(
      readOwned: { path in
        // Those were read by `master`.
        if let content = contents[path] { return (content, owner: 0) }
        return try? owned(path)
      }, worker: patterns, takesGroups: takesGroups)
    opener.add(type: "unix") { name, argument throws(LookupError) in
      try AccountTable(name, argument, worker: accounts, cache: cache)
    }
    opener.readIncluded = { path, limit throws(LookupError) in
      let work: @Sendable () -> Result<[UInt8]?, LookupError> = {
        Result { () throws(LookupError) in try IncludedFile(path, limit: limit).bytes }
      }
      return try await patterns.answer(to: work, of: path) ?? []
    }
    return opener
  }

  /// A file and its owner, told by one descriptor.
  private static func owned(_ path: String) throws(Errno) -> (bytes: [UInt8], owner: UInt32) {
    let file = try Files.open(path, .read)
    let owner = try Files.status(of: file.raw).uid
    return (try Files.readWhole(file.raw, limit: fileSizeMax), owner)
  }
}

/// A file that an alias includes, read while mail is handled.
package struct IncludedFile: Sendable {
  /// What it holds.
  package let bytes: [UInt8]
  /// Who owns it.
  package let owner: UInt32

  /// Reads it. What is no ordinary file is not opened: who may write to the folder could put a FIFO
  /// or a device there, which would notice.
  ///
  /// - Parameter limit: `alias_include_size_limit` in bytes.
  package init(_ path: String, limit: Int) throws(LookupError) {
    let status: FileStatus
    let bytes: [UInt8]
    do throws(Errno) {
      let place = try Files.open(path, .place)
      status = try Files.status(of: place.raw)
      if status.isRegular {
        let file = try Files.reopen(place.raw, .read)
        bytes = try Files.read(file.raw, count: min(Int(status.size), limit) + 1, at: 0)
      } else {
        bytes = []
      }
    } catch {
      throw .failed(table: path, reason: Self.reason(error))
    }
    let flaw: String? =
      !status.isRegular
      ? "it is no ordinary file"
      : status.permissions & 0o002 != 0
        ? "everybody may write to it"
        : bytes.count > limit
          ? "it is larger than alias_include_size_limit, \(limit) bytes" : nil
    if let flaw { throw .failed(table: path, reason: flaw) }
    self.bytes = bytes
    owner = status.uid
  }

  /// Postfix reads such a file as its owner, so an administrator is told who does here.
  private static func reason(_ error: Errno) -> String {
    guard error == .permissionDenied else { return "\(error)" }
    let uid = Identity.uid
    let account = try? Identity.account(uid: uid)
    return "\(error): it is read as user \(account?.name ?? "\(uid)")"
  }
}
