import Foundation
package import Glibc
import TestSupport

/// `strace` attached to running processes.
package final class SystemCallTrace: Sendable {
  /// A call that has returned, or the first half of one that was interrupted by another thread.
  package struct Call: Sendable {
    /// The thread.
    package let thread: pid_t
    /// The call's name.
    package let name: String
    /// Its arguments and result as printed.
    package let text: String
    /// Where in the trace it began and ended: line numbers.
    package let began: Int
    /// The line on which its return stands.
    package let ended: Int
  }

  private let program: Program
  private let folder: TemporaryDirectory

  /// Whether `strace` is installed.
  package static var isAvailable: Bool { Program.find("strace") != nil }

  /// Attaches to processes and their threads; `calls` as `-e trace=` takes them. With `counting`,
  /// calls are only counted.
  package init(
    _ processes: [RunningProcess], calls: String = "all", counting: Bool = false
  ) throws {
    guard !processes.isEmpty else {
      throw PeerError.system(call: "strace", error: "no process to attach to")
    }
    folder = try TemporaryDirectory(prefix: "martinet-trace")
    var arguments = ["-f", "-o", folder.path("trace"), "-e", "trace=\(calls)"]
    arguments += counting ? ["-c"] : ["-s", "8000000", "-e", "signal=none"]
    for process in processes { arguments += ["-p", "\(process.pid)"] }
    program = try Program("strace", arguments)
    try program.errors.wait(
      forCount: processes.count, of: "attached", until: .after(.seconds(20)))
  }

  private func finish() throws -> [Substring] {
    program.send(SIGINT)
    try program.waitForExit(until: .after(.seconds(60)))
    return String(decoding: try folder.read("trace"), as: UTF8.self).split(separator: "\n")
  }

  /// Detaches and returns how often each call was made.
  package func counts() throws -> [String: Int] {
    var counts: [String: Int] = [:]
    for line in try finish() {
      // % time, seconds, usecs/call, calls, errors if any, name
      let columns = line.split(separator: " ")
      guard columns.count >= 5, let calls = Int(columns[3]), let name = columns.last,
        name != "total"
      else { continue }
      counts[String(name), default: 0] += calls
    }
    return counts
  }

  /// Detaches and returns the calls in the order in which they ended.
  package func calls() throws -> [Call] {
    var pending: [pid_t: (text: String, line: Int)] = [:]
    var calls: [Call] = []
    for (number, line) in try finish().enumerated() {
      guard let space = line.firstIndex(of: " "), let thread = pid_t(line[..<space]) else {
        continue
      }
      let text = line[space...].drop { $0 == " " }
      if text.hasSuffix("<unfinished ...>") {
        pending[thread] = (String(text.dropLast("<unfinished ...>".count)), number)
      } else if text.hasPrefix("<..."), let begun = pending.removeValue(forKey: thread) {
        let rest = text.firstRange(of: "resumed>").map { String(text[$0.upperBound...]) } ?? ""
        calls.append(Call(thread, begun.text + rest, began: begun.line, ended: number))
      } else {
        calls.append(Call(thread, String(text), began: number, ended: number))
      }
    }
    return calls
  }
}

extension SystemCallTrace.Call {
  fileprivate init(_ thread: pid_t, _ text: String, began: Int, ended: Int) {
    self.init(
      thread: thread, name: String(text.prefix { $0 != "(" }), text: text, began: began,
      ended: ended)
  }

  /// The first argument as a number: the descriptor of most calls.
  package var descriptor: Int? {
    Int(text.drop { $0 != "(" }.dropFirst().prefix { $0.isNumber })
  }

  /// Whether it returned without an error.
  package var succeeded: Bool {
    guard let mark = text.range(of: " = ", options: .backwards) else { return false }
    return !text[mark.upperBound...].hasPrefix("-")
  }
}
