import Glibc
import Primitives

/// How a command is started: by itself where that is possible, else by a shell.
enum CommandLine {
  /// Where programs without a path are looked for.
  static let path = ["/usr/bin", "/bin"]
  private static let shell = "/bin/sh"
  private static let plain = Set("!@%-_=+:,./ \t".utf8)

  /// The program and its arguments, the name first.
  static func resolve(_ words: CommandOrder.Words) -> (program: String, arguments: [String]) {
    switch words {
    case .arguments(let words):
      let name = words.first ?? ""
      return (find(name) ?? name, words)
    case .line(let line, let shell) where !shell.isEmpty:
      return (find(shell[0]) ?? shell[0], shell + [line])
    case .line(let line, _):
      // What means nothing to a shell needs none; a name that is not found may be built into one.
      let needsShell = !line.utf8.allSatisfy { plain.contains($0) || isAlphanumeric($0) }
      let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
      if !needsShell, let name = words.first, let program = find(name) { return (program, words) }
      return (shell, ["sh", "-c", line])
    }
  }

  /// The file behind a name; a path is one as it stands.
  private static func find(_ name: String) -> String? {
    if name.contains("/") { return name }
    return path.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    ASCII.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(ASCII.lowercased(byte))
  }

  /// A value with the bytes that `allowed` has not replaced by `_` (`command_expansion_filter`).
  static func filtered(_ value: [UInt8], allowing allowed: Set<UInt8>) -> String {
    String(
      decoding: value.map { allowed.contains($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
  }
}
