package import ArgumentParser
import Glibc

/// The command `martinet`.
package struct MartinetCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "martinet",
    abstract: "A mail transfer agent that is configured like Postfix.",
    subcommands: [
      RunCommand.self, StopCommand.self, StatusCommand.self, CheckCommand.self, ConfigCommand.self,
      SpoolCommand.self,
    ])

  /// The folder with `main.cf` and `master.cf`.
  @Option(name: .customShort("c"), help: "The folder with main.cf and master.cf.")
  package var configDirectory = "/etc/martinet"

  package init() {}
}

/// What the name of the executable and its first words select.
package enum Program {
  /// Runs whatever command line this is; returns the exit status.
  package static func run(_ commandLine: [String]) -> Int32 {
    let path = commandLine.first ?? "martinet"
    let name = String(path.split(separator: "/").last ?? "martinet")
    let arguments = Array(commandLine.dropFirst())
    switch name {
    case "mailq", "postqueue": return PostqueueCommand.run(name: name, arguments: arguments)
    case "postsuper": return PostsuperCommand.run(arguments)
    default: break
    }
    switch arguments.first {
    case "mailq"?, "postqueue"?:
      return PostqueueCommand.run(name: arguments[0], arguments: Array(arguments.dropFirst()))
    case "postsuper"?: return PostsuperCommand.run(Array(arguments.dropFirst()))
    default: break
    }
    do {
      var command = try MartinetCommand.parseAsRoot(arguments)
      try command.run()
      return 0
    } catch let code as ExitCode {
      return code.rawValue
    } catch {
      let status = MartinetCommand.exitCode(for: error).rawValue
      let text = MartinetCommand.fullMessage(for: error)
      if status == 0 { Output.line(text) } else { Output.error(text) }
      return status
    }
  }
}
