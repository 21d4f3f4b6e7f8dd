import LinuxSystem
import QueueStore
import ServiceKit
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
  ///
  /// Not `public`, which a Postfix that shares `queue_directory` gives to its own owner.
  package static let sockets = "sockets"

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

  /// `queue_directory` itself; it may be the mail owner's as well.
  private static let top = Folder(name: "", permissions: 0o755, ownedByMail: false)

  /// Everything wrong with what exists; empty when `run` can start.
  package static func check(_ root: String, owner: (uid: UInt32, gid: UInt32)?) -> [Finding] {
    var found = findings(in: root, [top], owner)
    // Below something that is no directory there is nothing to look at.
    if found.isEmpty { found = findings(in: root, folders, owner) }
    return found
  }

  private static func findings(
    in root: String, _ folders: [Folder], _ owner: (uid: UInt32, gid: UInt32)?
  ) -> [Finding] {
    folders.compactMap { folder in
      let path = folder.name.isEmpty ? root : root + "/" + folder.name
      do throws(Errno) {
        // Where `master` acts as root nobody may send it elsewhere.
        let follows = folder.ownedByMail || folder.name.isEmpty
        let problem = problem(
          folder, try Files.status(path, follow: follows), mailOwner: owner?.uid)
        return problem.map { Finding(description: "\(path) \($0)") }
      } catch .noSuchFileOrDirectory {
        return nil
      } catch {
        return Finding(description: "\(path): \(error)")
      }
    }
  }

  /// What is wrong with a folder and how to mend it, in words that follow its path. `mailOwner` is
  /// `nil` when everything runs as the caller.
  private static func problem(
    _ folder: Folder, _ status: FileStatus, mailOwner: UInt32?
  ) -> String? {
    guard status.isDirectory else { return "is not a directory" }
    let wanted = folder.ownedByMail ? mailOwner ?? Identity.uid : Identity.uid
    let isOwned = status.uid == wanted || folder.name.isEmpty && status.uid == mailOwner
    if !isOwned {
      return "belongs to user \(status.uid), not \(wanted): chown \(wanted) it"
    }
    let permissions = status.permissions
    if permissions & 0o022 != 0 { return "can be written by others: chmod go-w it" }
    if permissions & 0o700 != 0o700 { return "cannot be written by its owner: chmod u+rwx it" }
    let isPrivate = folder.permissions & 0o077 == 0
    if isPrivate, permissions & 0o055 != 0 {
      return "can be read by others: chmod go-rwx it"
    }
    if !isPrivate, mailOwner != nil, permissions & 0o011 != 0o011 {
      return "cannot be entered by others: chmod go+x it"
    }
    return nil
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
