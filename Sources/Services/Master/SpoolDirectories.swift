import LinuxSystem
import ServiceKit
import QueueStore
import SystemPackage

/// The folders below `queue_directory` and who owns them.
package enum SpoolDirectories {
  /// A folder of the spool.
  package struct Folder: Sendable {
    /// The name below `queue_directory`.
    package let name: String
    /// Its permissions.
    package let permissions: UInt32
    /// Whether it belongs to `mail_owner`; else to root.
    package let ownedByMail: Bool
  }

  /// Segments and journals.
  package static let segments = "segments"
  /// Results of deliveries that outlive the agents.
  package static let results = ResultsFileName.folder
  /// Copies of what was damaged.
  package static let corrupt = "corrupt"
  /// Locks and process ids.
  package static let pid = "pid"
  /// The socket of the commands.
  package static let sockets = "public"

  /// Every folder that `run` makes when it is missing.
  package static let folders = [
    Folder(name: segments, permissions: 0o700, ownedByMail: true),
    Folder(name: results, permissions: 0o700, ownedByMail: true),
    Folder(name: corrupt, permissions: 0o700, ownedByMail: true),
    Folder(name: pid, permissions: 0o755, ownedByMail: false),
    // Not the mail owner's: `master` sets mode and owner of what it finds there as root.
    Folder(name: sockets, permissions: 0o755, ownedByMail: false),
  ]

  /// What stands in the way of using a spool folder.
  package struct Finding: Error, CustomStringConvertible {
    /// The sentence for the administrator.
    package let description: String
  }

  /// The format in which a spool is written.
  ///
  /// - Throws: when a newer build has written there: nothing may be touched then.
  package static func format(_ root: String) throws(Finding) -> UInt16 {
    let names: [String]
    do throws(Errno) {
      let folder = try Files.open(root, [.read, .directory])
      names = try Files.names(in: folder.raw)
    } catch .noSuchFileOrDirectory {
      names = []
    } catch {
      throw Finding(description: "\(root): \(error)")
    }
    do throws(SpoolError) {
      return try SpoolFormat.ofThisBuild.version(names)
    } catch {
      guard case .newerVersion(let version) = error else {
        throw Finding(description: "\(root): \(error)")
      }
      throw Finding(
        description: "the spool \(root) has format \(version), which a newer build has written: "
          + "nothing is touched; run that build")
    }
  }

  /// Makes what is missing.
  ///
  /// - Parameters:
  ///   - root: `queue_directory`.
  ///   - owner: `mail_owner`'s user and group, or `nil` when the caller owns everything.
  package static func prepare(
    _ root: String, owner: (uid: UInt32, gid: UInt32)?
  ) throws(Finding) {
    try make(root, permissions: 0o755, owner: nil)
    for folder in folders {
      try make(
        root + "/" + folder.name, permissions: folder.permissions,
        owner: folder.ownedByMail ? owner : nil)
    }
    if let finding = check(root, owner: owner).first { throw finding }
  }

  /// Everything wrong with what exists; empty when `run` can start.
  package static func check(_ root: String, owner: (uid: UInt32, gid: UInt32)?) -> [Finding] {
    let uid = owner?.uid ?? Identity.uid
    return folders.compactMap { folder in
      let path = root + "/" + folder.name
      let status: FileStatus
      do throws(Errno) {
        status = try Files.status(path)
      } catch .noSuchFileOrDirectory {
        return nil
      } catch {
        return Finding(description: "\(path): \(error)")
      }
      let wanted = folder.ownedByMail ? uid : Identity.uid
      if !status.isDirectory { return Finding(description: "\(path) is not a directory") }
      if status.uid != wanted {
        return Finding(
          description: "\(path) belongs to user \(status.uid), not \(wanted): chown \(wanted) it")
      }
      if status.permissions & 0o022 != 0 {
        return Finding(description: "\(path) can be written by others: chmod go-w it")
      }
      return nil
    }
  }

  private static func make(
    _ path: String, permissions: UInt32, owner: (uid: UInt32, gid: UInt32)?
  ) throws(Finding) {
    do throws(Errno) {
      try Files.makeDirectory(path, permissions: permissions)
      // The umask of whoever started us may have been stricter than the roles can live with.
      try Files.setPermissions(path, permissions)
      if let owner { try Files.setOwner(path, uid: owner.uid, gid: owner.gid) }
    } catch .fileExists {
      return
    } catch {
      throw Finding(description: "cannot create \(path): \(error)")
    }
  }
}
