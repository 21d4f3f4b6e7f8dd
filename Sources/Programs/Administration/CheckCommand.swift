package import ArgumentParser
import Configuration
import LinuxSystem
import Master
import ServiceKit

/// `martinet check`: what is wrong with the configuration and the spool's folders.
package struct CheckCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Look over the configuration and the spool; 1 if the mail system cannot run.")

  @ParentCommand var parent: MartinetCommand

  package init() {}

  package func run() throws {
    let files = ConfigurationFiles(directory: parent.configDirectory)
    for diagnostic in files.diagnostics {
      if diagnostic.severity == .information {
        Output.line("\(diagnostic)")
      } else {
        Output.error("martinet: \(diagnostic)")
      }
    }
    if files.hasErrors { throw ExitCode(1) }
    let site = SiteCheck.findings(files)
    for warning in site.warnings { Output.error("martinet: warning: \(warning)") }
    var findings = site.errors
    do throws(MasterProcess.Failure) {
      let owner = try MasterProcess.mailOwner(files.configuration)
      findings += SpoolDirectories.check(
        files.configuration[.queueDirectory], owner: owner.map { ($0.uid, $0.gid) }
      ).map(\.description)
      try MasterProcess.checkServices(files)
      let root = files.configuration[.queueDirectory]
      do throws(SpoolDirectories.Finding) {
        Output.line("the spool \(root) is written in format \(try SpoolDirectories.format(root))")
      } catch {
        findings.append(error.description)
      }
    } catch {
      findings.append(error.description)
    }
    for finding in findings { Output.error("martinet: error: \(finding)") }
    if !findings.isEmpty { throw ExitCode(1) }
  }
}
