import Configuration
import LinuxSystem
import ServiceKit
import SystemPackage

/// What `postconf -M`, `-F` and `-P` do with `master.cf`.
struct PostconfServices {
  let command: PostconfCommand
  let directory: String

  private var path: String { directory + "/master.cf" }

  func run() throws(PostconfError) {
    if command.removes || command.comments { return try drop() }
    // Whoever names a value wants it set, with -e or without.
    if command.sets || command.words.contains(where: { $0.contains("=") }) { return try set() }
    try show()
  }

  // MARK: Showing

  private func show() throws(PostconfError) {
    let entries = try readFile().entries
    let requests = (command.words.isEmpty ? ["*/*/*"] : command.words).map { ServiceRequest($0) }
    if command.onFields {
      for request in requests where request.item != "*" { _ = try column(request.item) }
    }
    var matched = Set<Int>()
    var lines: [String] = []
    for entry in entries {
      for (index, request) in requests.enumerated() where request.matches(entry) {
        let found = lines.count
        lines += try text(of: entry, request)
        if lines.count > found || command.onServices { matched.insert(index) }
      }
    }
    Output.write(Array(lines.map { $0 + "\n" }.joined().utf8))
    for (index, request) in requests.enumerated()
    where !matched.contains(index) && !command.words.isEmpty {
      Output.error("postconf: warning: unmatched request: \"\(request.text)\"")
    }
  }

  private func text(
    of entry: ServiceText, _ request: ServiceRequest
  ) throws(PostconfError) -> [String] {
    if command.onServices {
      return [try expanded(entry).text(isFolded: command.isFolded)]
    }
    if command.onFields {
      return ServiceText.Column.allCases.filter { request.matches(item: $0.name) }
        .map { line(entry, $0.name, entry[$0]) }
    }
    return try expanded(entry).overrides.filter { request.matches(item: $0.name) }
      .sorted { $0.name < $1.name }.map { line(entry, $0.name, $0.value) }
  }

  private func line(_ entry: ServiceText, _ item: String, _ value: String) -> String {
    let name = "\(entry.key)/\(item)"
    if command.showsNames { return name }
    return command.showsValues ? value : "\(name) = \(value)"
  }

  /// The entry with `$name` replaced in the values of its options, if that is asked for.
  private func expanded(_ entry: ServiceText) throws(PostconfError) -> ServiceText {
    guard command.isExpanded else { return entry }
    let files = ConfigurationFiles(directory: directory)
    guard
      let service = files.services.last(where: {
        $0.name == entry[.service] && $0.kind.rawValue == entry[.type]
      })
    else { return entry }
    let configuration = files.configuration.overlaid(by: service).configuration
    var result = entry
    for (name, _) in entry.overrides {
      do throws(ConfigurationError) {
        if let value = try configuration.expandedText(name) { result.set(name, to: value) }
      } catch {
        throw PostconfError("\(service.location): \(name): \(error)")
      }
    }
    return result
  }

  // MARK: Changing

  private func set() throws(PostconfError) {
    for word in command.words {
      guard let assignment = Assignment(word) else {
        throw PostconfError("missing '=' after attribute name: \"\(word)\"")
      }
      let request = ServiceRequest(assignment.name)
      if command.onServices {
        let entry: ServiceText
        do throws(ConfigurationError) {
          entry = try ServiceText(assignment.value)
        } catch {
          throw PostconfError("\"\(word)\": \(error)")
        }
        try rewrite { file throws(ConfigurationError) in file.setting(entry, for: request.key) }
      } else {
        let column = command.onFields ? try column(request.item) : nil
        try change(request, word) { entry throws(ConfigurationError) in
          if let column { return try entry.replacing(column, by: assignment.value) }
          var entry = entry
          entry.set(request.item, to: assignment.value)
          return entry
        }
      }
    }
  }

  private func drop() throws(PostconfError) {
    let requests = command.words.map { ServiceRequest($0) }
    if command.onOptions {
      for request in requests {
        try change(request, request.text) { entry throws(ConfigurationError) in
          var entry = entry
          entry.remove(request.item)
          return entry
        }
      }
      return
    }
    let entries = try readFile().entries
    for request in requests where !entries.contains(where: { request.matches($0) }) {
      Output.error("postconf: warning: unmatched service_name/type: \"\(request.text)\"")
    }
    try rewrite { file throws(ConfigurationError) in
      file.dropping(asComments: command.comments) { entry in
        requests.contains { $0.matches(entry) }
      }
    }
  }

  private func change(
    _ request: ServiceRequest, _ word: String,
    _ change: (ServiceText) throws(ConfigurationError) -> ServiceText
  ) throws(PostconfError) {
    guard try readFile().entries.contains(where: { request.matches($0) }) else {
      Output.error("postconf: warning: unmatched service_name/type: \"\(word)\"")
      return
    }
    try rewrite { file throws(ConfigurationError) in
      try file.changing(where: { request.matches($0) }, change)
    }
  }

  private func column(_ name: String) throws(PostconfError) -> ServiceText.Column {
    guard let column = ServiceText.Column(name: name) else {
      throw PostconfError("invalid service attribute name: \"\(name)\"")
    }
    return column
  }

  private func readFile() throws(PostconfError) -> MasterFileText {
    let bytes: [UInt8]
    do throws(Errno) {
      bytes = try Files.readWhole(path, limit: ConfigurationFileEdit.sizeMax)
    } catch {
      throw PostconfError("cannot read \(path): \(error)")
    }
    return try parse(bytes)
  }

  private func parse(_ bytes: [UInt8]) throws(PostconfError) -> MasterFileText {
    do throws(ConfigurationError) {
      return try MasterFileText(bytes)
    } catch {
      throw PostconfError("\(path): \(error)")
    }
  }

  private func rewrite(
    _ edit: (MasterFileText) throws(ConfigurationError) -> [UInt8]
  ) throws(PostconfError) {
    var failure: PostconfError?
    try PostconfCommand.rewrite(path) { bytes in
      do throws(ConfigurationError) {
        return try edit(try MasterFileText(bytes))
      } catch {
        failure = PostconfError("\(path): \(error)")
        return bytes
      }
    }
    if let failure { throw failure }
  }
}
