package import ArgumentParser
import LinuxSystem
import Master
import QueueStore
import SystemPackage

/// `martinet spool upgrade`: the newest format from now on, after which older builds no longer
/// start on the spool.
package struct SpoolUpgradeCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "upgrade",
    abstract: "Write the newest format from now on; builds that do not know it start no more.")

  @ParentCommand var parent: SpoolCommand

  package init() {}

  package func run() throws {
    let root = try parent.path()
    do {
      // Before the lock's file is touched it is clear that this build may touch anything.
      let disk = try LinuxDisk(path: root)
      let lock = try InstanceLock.take(root)
      let folder = try Files.open(root + "/" + SpoolDirectories.segments, [.read, .directory])
      guard try Files.tryLock(folder.raw) else {
        Output.error("martinet: a queue manager still uses the spool: try again")
        throw ExitCode(1)
      }
      let (old, new) = try SpoolFormat.ofThisBuild.upgrade(disk)
      Output.line(
        old == new
          ? "the spool is written in format \(new) already"
          : "the spool was written in format \(old), and is in format \(new) from now on")
      withExtendedLifetime(lock) {}
    } catch let code as ExitCode {
      throw code
    } catch let refusal as InstanceLock.Refusal {
      Output.error("martinet: \(refusal)")
      throw ExitCode(1)
    } catch {
      Output.error("martinet: cannot upgrade the spool \(root): \(error)")
      throw ExitCode(1)
    }
  }
}
