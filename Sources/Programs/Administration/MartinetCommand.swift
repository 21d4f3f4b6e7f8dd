package import ArgumentParser
import Glibc

/// The command `martinet`.
package struct MartinetCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "martinet",
    abstract: "A mail transfer agent that is configured like Postfix.",
    discussion: """
      The commands mailq, postqueue, postsuper and postconf are there too, with Postfix's options: \
      as links to this program, or as its first word.
      """,
    subcommands: [
      RunCommand.self, StopCommand.self, ReloadCommand.self, StatusCommand.self, CheckCommand.self,
      ConfigCommand.self, SpoolCommand.self, TraceCommand.self,
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
    if let status = run(link: name, arguments) { return status }
    if let first = arguments.first, let status = run(link: first, Array(arguments.dropFirst())) {
      return status
    }
    return run(MartinetCommand.self, arguments)
  }

  /// Runs a command that has Postfix's name; `nil` when the name is none of those.
  private static func run(link name: String, _ arguments: [String]) -> Int32? {
    switch name {
    case "mailq", "postqueue": PostqueueCommand.run(name: name, arguments: arguments)
    case "postsuper": PostsuperCommand.run(arguments)
    case "postconf": run(PostconfCommand.self, arguments)
    case "postfix": PostfixCommand.run(arguments) { run(MartinetCommand.self, $0) }
    default: nil
    }
  }

  private static func run(_ kind: (some ParsableCommand).Type, _ arguments: [String]) -> Int32 {
    do {
      var command = try kind.parseAsRoot(arguments)
      try command.run()
      return 0
    } catch let code as ExitCode {
      return code.rawValue
    } catch {
      let status = kind.exitCode(for: error).rawValue
      let text = kind.fullMessage(for: error)
      if status == 0 { Output.line(text) } else { Output.error(text) }
      return status
    }
  }
}
