import Foundation
import Glibc

/// A line that a program wrote, without its end.
package struct LogLine: Sendable, CustomStringConvertible {
  private let characters: [CChar]

  init(_ bytes: some Sequence<UInt8>) {
    characters = bytes.map { CChar(bitPattern: $0 == 0 ? UInt8(ascii: "?") : $0) } + [0]
  }

  /// Whether the text stands in the line. Fast enough for hundreds of thousands of lines.
  package func contains(_ text: String) -> Bool { strstr(characters, text) != nil }

  /// The line as text.
  package var description: String {
    String(decoding: characters.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// What a program writes, line by line, as it comes: a thread reads the descriptor to its end.
/// A carriage return ends a line too, since counters are drawn over themselves with it.
package final class LineLog: Sendable {
  private struct State {
    var lines: [LogLine] = []
    var ended = false
  }

  private let state = Monitor(State())

  /// Reads a descriptor, which it closes at the end.
  package init(reading descriptor: Int32) {
    let state = self.state
    Thread.detachNewThread {
      var partial: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65536)
      while true {
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        var pieces = buffer[..<count].split(omittingEmptySubsequences: false) {
          $0 == 10 || $0 == 13
        }
        pieces[0] = partial + pieces[0]
        partial = Array(pieces.removeLast())
        if !pieces.isEmpty { state.change { $0.lines += pieces.map { LogLine($0) } } }
      }
      close(descriptor)
      state.change {
        if !partial.isEmpty { $0.lines.append(LogLine(partial)) }
        $0.ended = true
      }
    }
  }

  /// All lines so far.
  package var lines: [LogLine] { state.read(\.lines) }

  /// All lines so far as one text.
  package var text: String { lines.map { "\($0)\n" }.joined() }

  /// How many lines so far hold the text.
  package func count(of text: String) -> Int { lines.count { $0.contains(text) } }

  /// Waits for the first line, from index `start` on, that holds all the texts, and returns it with
  /// its index. Throws when the program ended or the deadline came before.
  @discardableResult
  package func wait(
    for texts: String..., from start: Int = 0, until deadline: Deadline
  ) throws(PeerError) -> (index: Int, line: LogLine) {
    let wanted = texts.joined(separator: " … ")
    return try wait(wanted, from: start, until: deadline) { line in
      texts.allSatisfy(line.contains)
    }
  }

  /// Waits for the first line, from index `start` on, that satisfies a predicate.
  @discardableResult
  package func wait(
    _ wanted: String, from start: Int = 0, until deadline: Deadline,
    where isWanted: (LogLine) -> Bool
  ) throws(PeerError) -> (index: Int, line: LogLine) {
    var next = start
    var ended = false
    let found: (Int, LogLine)? =
      state.wait(until: deadline) { state -> (Int, LogLine)?? in
        while next < state.lines.count {
          if isWanted(state.lines[next]) { return (next, state.lines[next]) }
          next += 1
        }
        ended = state.ended
        return ended ? .some(nil) : nil
      } ?? nil
    if let found { return found }
    throw ended ? .closed(wanted) : .timedOut(wanted)
  }

  /// Waits until as many lines hold the text.
  package func wait(
    forCount count: Int, of text: String, until deadline: Deadline
  ) throws(PeerError) {
    var found = 0
    guard count > 0 else { return }
    try wait("\(count) lines with \(text)", until: deadline) { line in
      if line.contains(text) { found += 1 }
      return found >= count
    }
  }

  /// Waits until the program has closed its end and all it wrote has been read.
  package func waitForEnd(until deadline: Deadline) throws(PeerError) {
    let ended: Bool? = state.wait(until: deadline) { $0.ended ? true : nil }
    if ended == nil { throw .timedOut("the end of the output") }
  }
}
