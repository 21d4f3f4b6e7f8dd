import Configuration
import Glibc
import MailTypes
import Primitives
import ServiceKit

/// `postqueue` and `mailq`, with Postfix's options.
package enum PostqueueCommand {
  private enum Action { case listText, listJSON, flush, retry(String) }

  /// Runs the command with the arguments behind its name; returns the exit status (sysexits.h).
  package static func run(name: String, arguments: [String]) -> Int32 {
    do throws(ControlFailure) {
      guard let (action, directory) = parse(name: name, arguments) else {
        usage(name)
        return EX_USAGE
      }
      let configuration = try loadForCommand(directory)
      let client = try ControlClient(path: controlPath(configuration))
      try perform(action, client)
      return 0
    } catch {
      Output.error("\(name): fatal: \(error)")
      return EX_UNAVAILABLE
    }
  }

  private static func parse(
    name: String, _ arguments: [String]
  ) -> (Action, directory: String?)? {
    var action: Action? = name == "mailq" ? .listText : nil
    var directory: String?
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "-p": action = .listText
      case "-j": action = .listJSON
      case "-f": action = .flush
      case "-i":
        guard let id = rest.popFirst() else { return nil }
        action = .retry(id)
      case "-c":
        guard let path = rest.popFirst() else { return nil }
        directory = path
      case "-v": break
      default: return nil
      }
    }
    return action.map { ($0, directory) }
  }

  private static func perform(
    _ action: Action, _ client: ControlClient
  ) throws(ControlFailure) {
    switch action {
    case .listText:
      var text = QueueListText()
      try list(client) { Output.write(text.lines(for: $0)) }
      Output.write(Array(text.summary().utf8))
    case .listJSON: try list(client) { Output.write(QueueListJSON.line(for: $0)) }
    case .flush: try client.ask(.flush) { _ in }
    case .retry(let text):
      guard let id = QueueID(text: Array(text.utf8)) else {
        throw ControlFailure(description: "Invalid queue ID: \(text)")
      }
      var found = false
      try client.ask(.retry(id)) { found = $0 == [1] }
      if !found { throw ControlFailure(description: "no message \(text) in the queue") }
    }
  }

  private static func list(
    _ client: ControlClient, _ show: (QueueListEntry) -> Void
  ) throws(ControlFailure) {
    try client.ask(.list) { (part) throws(ControlFailure) in
      let whole = part.withUnsafeBytes { bytes in
        var input = WireDecoder(bytes)
        while input.remaining > 0 {
          guard let entry = try? QueueListEntry(from: &input) else { return false }
          show(entry)
        }
        return true
      }
      if !whole {
        throw ControlFailure(description: "the mail system's list cannot be read")
      }
    }
  }

  private static func usage(_ name: String) {
    Output.error(
      "usage: \(name) [-c config_dir] [-v] -p | -j | -f | -i queueid")
  }
}
