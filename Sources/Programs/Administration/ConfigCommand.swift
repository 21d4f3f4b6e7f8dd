package import ArgumentParser
import Configuration
import ServiceKit

/// `martinet config`: shows parameters as `postconf` does.
package struct ConfigCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Show configuration parameters.", helpNames: .long)

  @ParentCommand var parent: MartinetCommand

  /// Shows defaults.
  @Flag(name: .customShort("d"), help: "Show defaults instead of what is set.")
  package var showsDefaults = false

  /// Shows what is set.
  @Flag(name: .customShort("n"), help: "Show only what is set.")
  package var showsAssigned = false

  /// Replaces `$name`.
  @Flag(name: .customShort("x"), help: "Replace $name and the like by what they stand for.")
  package var isExpanded = false

  /// Leaves the names out.
  @Flag(name: .customShort("h"), help: "Show values without names.")
  package var showsValues = false

  /// Leaves the values out.
  @Flag(name: .customShort("H"), help: "Show names without values.")
  package var showsNames = false

  /// Judges other configuration files.
  @Flag(help: "Say of each parameter in the files named whether it has its effect here.")
  package var coverage = false

  /// What to show.
  @Argument(help: "The parameters to show; all of them if none is named.")
  package var names: [String] = []

  package init() {}

  package func validate() throws {
    if showsDefaults, showsAssigned { throw ValidationError("-d and -n exclude each other") }
    if coverage, names.isEmpty { throw ValidationError("--coverage needs files") }
    if showsValues, showsNames { throw ValidationError("-h and -H exclude each other") }
  }

  package func run() throws {
    if coverage { return try CoverageReport(paths: names).show() }
    let files = ConfigurationFiles(directory: parent.configDirectory)
    let listing = ConfigurationListing(
      showsDefaults ? .defaults : showsAssigned ? .assigned : .effective,
      form: showsValues ? .value : showsNames ? .name : .nameAndValue, isExpanded: isExpanded)
    let result = listing.result(files.configuration, services: files.services, names: names)
    var text: [UInt8] = []
    for line in result.lines { text += Array((line + "\n").utf8) }
    Output.write(text)
    for problem in result.problems { Output.error("martinet: warning: \(problem)") }
    let shown = names.isEmpty ? [Diagnostic.Severity.error, .warning] : [.error]
    for diagnostic in files.diagnostics where shown.contains(diagnostic.severity) {
      Output.error("martinet: \(diagnostic)")
    }
    if files.hasErrors { throw ExitCode(1) }
  }
}
