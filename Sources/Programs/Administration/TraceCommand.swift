package import ArgumentParser
import ServiceKit

/// `martinet trace --client CIDR`: shows sessions line by line as they go on.
package struct TraceCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Show the SMTP dialogue with clients as it goes on, until interrupted.",
    discussion: "For root and mail_owner. Content and what AUTH says are left out. Lines that are "
      + "read too slowly are lost, and counted.")

  @ParentCommand var parent: MartinetCommand

  /// Whose sessions.
  @Option(help: "An address or a network, such as 192.0.2.0/24 or 2001:db8::/32.")
  package var client: String

  package init() {}

  package func validate() throws {
    guard TraceFilter(client) == nil else { return }
    throw ValidationError("\(client): expected an address, or address/bits without further bits")
  }

  package func run() throws {
    let files = try loadChecked(parent.configDirectory)
    guard let filter = TraceFilter(client) else { throw ExitCode(64) }
    do throws(ControlFailure) {
      let control = try ControlClient(path: controlPath(files.configuration))
      try control.ask(.trace(filter)) { line in Output.write(line + [10]) }
      Output.error("martinet: the processes that were followed have left")
    } catch {
      Output.error("martinet: \(error)")
      throw ExitCode(1)
    }
  }
}
