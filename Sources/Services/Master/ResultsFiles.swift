import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import SystemPackage

/// Makes the files in which results of deliveries outlive the agents, which have no path of the
/// spool (spool rule R13).
@ReactorActor
struct ResultsFiles {
  /// The folder of these files.
  let folder: String
  /// `mail_owner`'s user and group, or `nil` when the caller owns everything.
  let owner: (uid: UInt32, gid: UInt32)?
  /// Where blocking work is done.
  let helper: HelperThread

  /// The file of a process. It is locked before it has a name: `qmgr` takes what nobody holds.
  func make(for process: ProcessName, pid: Int32) async throws(Errno) -> SharedDescriptor {
    let name = ResultsFileName(process: process, pid: pid, made: Clocks.wallNow()).text
    let (folder, owner) = (folder, owner)
    return try await helper.perform { () throws(Errno) in
      let directory = try Files.open(folder, [.read, .directory, .noFollow])
      let file = try Files.open(
        ".", [.read, .write, .temporary, .append], permissions: 0o600, in: directory.raw)
      guard try Files.tryLock(file.raw) else { throw .resourceBusy }
      if let owner { try Files.setOwner(file.raw, uid: owner.uid, gid: owner.gid) }
      try Files.linkTemporary(file.raw, as: name, in: directory.raw)
      return SharedDescriptor(file)
    }
  }
}
