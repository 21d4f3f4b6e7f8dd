import ServiceKit

/// A command that gets a message, as the process that runs it is told.
struct CommandOrder: Sendable, Equatable {
  /// What is run.
  enum Words: Sendable, Equatable {
    /// A line of text that a shell may have to take apart (`mailbox_command`), or that is the last
    /// argument of the given one (`local_command_shell`).
    case line(String, shell: [String] = [])
    /// A program and its arguments, as they are (`argv` of pipe(8)).
    case arguments([String])
  }

  let words: Words
  /// `NAME=value`.
  let environment: [String]
  /// The working directory; empty for that of the mail system.
  let directory: String
  /// How long it may run, in milliseconds.
  let timeLimit: Int64
  /// In whose name failures to start are reported: `local` or `pipe`.
  let program: String
  /// What is said of a success; with `tellsOutput` the output follows in parentheses.
  let success: String
  let tellsOutput: Bool

  /// The command as texts name it.
  var title: String {
    switch words {
    case .line(let line, _): line
    case .arguments(let words): words.first ?? ""
    }
  }

  func encode(into out: inout WireEncoder) {
    switch words {
    case .line(let line, let shell):
      out.put(true)
      out.put(UInt32(1 + shell.count))
      for word in [line] + shell { out.put(word) }
    case .arguments(let words):
      out.put(false)
      out.put(UInt32(words.count))
      for word in words { out.put(word) }
    }
    out.put(UInt32(environment.count))
    for variable in environment { out.put(variable) }
    out.put(directory)
    out.put(timeLimit)
    out.put(program)
    out.put(success)
    out.put(tellsOutput)
  }

  init(from input: inout WireDecoder) throws(WireError) {
    let isLine = try input.bool()
    let list = try input.list { (input) throws(WireError) in try input.string() }
    words =
      isLine ? .line(list.first ?? "", shell: Array(list.dropFirst())) : .arguments(list)
    environment = try input.list { (input) throws(WireError) in try input.string() }
    directory = try input.string()
    timeLimit = try input.integer()
    program = try input.string()
    success = try input.string()
    tellsOutput = try input.bool()
  }

  init(
    _ words: Words, environment: [String], directory: String, timeLimit: Int64, program: String,
    success: String, tellsOutput: Bool
  ) {
    self.words = words
    self.environment = environment
    self.directory = directory
    self.timeLimit = timeLimit
    self.program = program
    self.success = success
    self.tellsOutput = tellsOutput
  }
}
