package import ArgumentParser
import Configuration
import Glibc
import LinuxSystem
import ServiceKit
import SystemPackage

/// `postconf`: shows and changes `main.cf` and `master.cf` as Postfix's command of that name does.
package struct PostconfCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "postconf", abstract: "Show and change main.cf and master.cf.",
    helpNames: .long)

  /// The folder of the files.
  @Option(name: .customShort("c"), help: "The folder with main.cf and master.cf.")
  package var configDirectory: String?

  /// Shows defaults.
  @Flag(name: .customShort("d"), help: "Show defaults instead of what is set.")
  package var showsDefaults = false

  /// Shows what is set.
  @Flag(name: .customShort("n"), help: "Show only what is set in main.cf.")
  package var showsAssigned = false

  /// Replaces `$name`.
  @Flag(name: .customShort("x"), help: "Replace $name and the like by what they stand for.")
  package var isExpanded = false

  /// Folds long lines.
  @Flag(name: .customShort("f"), help: "Fold long lines.")
  package var isFolded = false

  /// Leaves the names out.
  @Flag(name: .customShort("h"), help: "Show values without names.")
  package var showsValues = false

  /// Leaves the values out.
  @Flag(name: .customShort("H"), help: "Show names without values.")
  package var showsNames = false

  /// Sets values.
  @Flag(name: .customShort("e"), help: "Set the values that are named as name=value.")
  package var sets = false

  /// Takes entries out.
  @Flag(name: .customShort("X"), help: "Take the entries named out of the file.")
  package var removes = false

  /// Turns entries into comments.
  @Flag(name: .customShort("#"), help: "Turn the entries named into comments.")
  package var comments = false

  /// Works on services.
  @Flag(name: .customShort("M"), help: "Work on the services of master.cf: service/type.")
  package var onServices = false

  /// Works on fields of services.
  @Flag(name: .customShort("F"), help: "Work on fields of master.cf: service/type/field.")
  package var onFields = false

  /// Works on options of services.
  @Flag(name: .customShort("P"), help: "Work on options of master.cf: service/type/parameter.")
  package var onOptions = false

  /// Values for this call only.
  @Option(name: .customShort("o"), help: "Take name=value instead of what main.cf says.")
  package var overrides: [String] = []

  /// Counted and otherwise ignored, as nothing more is to be told.
  @Flag(name: .customShort("v"), help: .hidden)
  package var verbosity: Int

  /// What to show or change.
  @Argument(help: "Parameters, services, or name=value.")
  package var words: [String] = []

  package init() {}

  /// Options that exclude each other, as Postfix's command has it.
  private func checkOptions() throws(PostconfError) {
    try exclusive([("-M", onServices), ("-F", onFields), ("-P", onOptions)])
    try exclusive([
      ("-d", showsDefaults), ("-n", showsAssigned), ("-e", sets), ("-X", removes), ("-#", comments),
    ])
    try exclusive([("-h", showsValues), ("-H", showsNames)])
    if onServices || onFields || onOptions {
      try forbid([("-d", showsDefaults), ("-n", showsAssigned)])
    }
    if onServices { try forbid([("-h", showsValues), ("-H", showsNames)]) }
    if onFields { try forbid([("-X", removes), ("-#", comments)]) }
    if onOptions { try forbid([("-#", comments)]) }
    if sets || removes || comments, words.isEmpty {
      throw PostconfError("-e, -X and -# need names")
    }
  }

  private func exclusive(_ options: [(String, Bool)]) throws(PostconfError) {
    let given = options.filter(\.1).map(\.0)
    guard given.count > 1 else { return }
    throw PostconfError("specify one of \(given.joined(separator: " "))")
  }

  private func forbid(_ options: [(String, Bool)]) throws(PostconfError) {
    guard let (option, _) = options.first(where: \.1) else { return }
    throw PostconfError("with option \(target), do not specify \(option)")
  }

  private var target: String { onServices ? "-M" : onFields ? "-F" : "-P" }

  package func run() throws {
    let directory =
      configDirectory ?? getenv("MAIL_CONFIG").map { String(cString: $0) } ?? "/etc/martinet"
    do throws(PostconfError) {
      try checkOptions()
      if onServices || onFields || onOptions {
        try PostconfServices(command: self, directory: directory).run()
      } else if sets || removes || comments || words.contains(where: { $0.contains("=") }) {
        try edit(directory)
      } else {
        try show(directory)
      }
    } catch {
      Output.error("postconf: fatal: \(error)")
      throw ExitCode(1)
    }
  }

  private func show(_ directory: String) throws(PostconfError) {
    let files = ConfigurationFiles(directory: directory)
    var configuration = files.configuration
    if !overrides.isEmpty {
      configuration = configuration.overlaid(by: try assignments(overrides)).configuration
    }
    let listing = ConfigurationListing(
      showsDefaults ? .defaults : showsAssigned ? .assigned : .effective,
      form: showsValues ? .value : showsNames ? .name : .nameAndValue, isExpanded: isExpanded,
      isFolded: isFolded)
    let result = listing.result(configuration, services: files.services, names: words)
    for problem in result.problems { Output.error("postconf: warning: \(problem)") }
    Output.write(Array(result.lines.map { $0 + "\n" }.joined().utf8))
    for diagnostic in files.diagnostics where diagnostic.severity == .error {
      Output.error("postconf: \(diagnostic)")
    }
    if words.isEmpty || showsAssigned {
      for diagnostic in files.diagnostics where diagnostic.severity == .warning {
        Output.error("postconf: \(diagnostic)")
      }
    }
  }

  private func edit(_ directory: String) throws(PostconfError) {
    let path = directory + "/main.cf"
    warnAboutRepeats(path)
    if removes || comments {
      if let word = words.first(where: { $0.contains("=") }) {
        throw PostconfError("-X and -# take names only: \"\(word)\"")
      }
      let names = Set(words)
      return try Self.rewrite(path) { FileEditor($0).dropping(names, asComments: comments) }
    }
    let new = try assignments(words)
    try Self.rewrite(path) { FileEditor($0).setting(new) }
  }

  /// An edit changes every entry of a name: who has several should know.
  private func warnAboutRepeats(_ path: String) {
    guard let bytes = try? Files.readWhole(path, limit: ConfigurationFileEdit.sizeMax) else {
      return
    }
    let names = FileEditor(bytes).texts.map { FileEditor.name(of: $0) }
    for word in words {
      let name = FileEditor.name(of: word)
      if names.count(where: { $0 == name }) > 1 {
        Output.error("postconf: warning: \(path): multiple entries for \"\(name)\"")
      }
    }
  }

  private func assignments(_ words: [String]) throws(PostconfError) -> [Assignment] {
    var found: [Assignment] = []
    for word in words {
      guard let assignment = Assignment(word) else {
        throw PostconfError("missing '=' after attribute name: \"\(word)\"")
      }
      found.append(assignment)
    }
    return found
  }

  /// Replaces a file by its edited text.
  static func rewrite(_ path: String, _ edit: ([UInt8]) -> [UInt8]) throws(PostconfError) {
    do throws(Errno) {
      try ConfigurationFileEdit.perform(path, edit)
    } catch {
      throw PostconfError("cannot change \(path): \(error)")
    }
  }
}

/// Why `postconf` could not do what it was asked for.
struct PostconfError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
