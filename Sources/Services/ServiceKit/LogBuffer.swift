import MailTypes
import Primitives

/// How grave a log line is; the numbers are those of syslog(3).
package enum LogSeverity: UInt8, Sendable {
  case error = 3
  case warning = 4
  case information = 6
}

/// Builds log lines in Postfix's shape and holds them until a turn of the loop ends.
///
/// The memory is bounded: what does not fit is dropped and counted, and the next line says so.
struct LogBuffer {
  /// The longest line in bytes; longer ones are cut.
  static let lineLengthMax = 4000

  /// The shape of lines to come.
  var kind: LogKind { didSet { writeHead() } }
  /// The most bytes that wait.
  var capacity: Int
  /// `myhostname`.
  var hostName: String { didSet { writeHead() } }
  /// `syslog_name`.
  var syslogName: String { didSet { writeHead() } }
  private var hostAndName: [UInt8] = []
  private let identity: [UInt8]
  private let facility: UInt8
  private var clock = LogClock()
  private var stored: [UInt8] = []
  /// How many of these have been written: they leave together, since each removal moves the rest.
  private var written = 0
  private static let removalSizeMin = 1 << 16
  private(set) var droppedLines = 0
  /// The tag under which the number of dropped lines is told.
  private var droppedTag: [UInt8] = []

  /// - Parameters:
  ///   - kind: decides between `stamp host name/tag[pid]: ` and `<pri>stamp name/tag[pid]: `.
  ///   - capacity: the most bytes that wait.
  ///   - syslogName: `syslog_name`, which stands before the tag.
  ///   - facility: the number of the syslog facility (`mail` is 2).
  init(
    kind: LogKind, capacity: Int, hostName: String, syslogName: String, facility: UInt8, pid: Int32
  ) {
    self.kind = kind
    self.capacity = capacity
    self.facility = facility
    self.hostName = hostName
    self.syslogName = syslogName
    var tail: [UInt8] = [UInt8(ascii: "[")]
    tail.append(decimal: pid)
    tail.append(text: "]: ")
    identity = tail
    writeHead()
  }

  private mutating func writeHead() {
    var head: [UInt8] = [ASCII.space]
    if kind == .lines {
      // As in a log of syslog, and in Postfix's.
      head.append(contentsOf: hostName.utf8.prefix { $0 != UInt8(ascii: ".") })
      head.append(ASCII.space)
    }
    head.append(string: syslogName)
    head.append(UInt8(ascii: "/"))
    hostAndName = head
  }

  mutating func add(
    tag: some Collection<UInt8>, severity: LogSeverity, _ body: (inout [UInt8]) -> Void
  ) {
    guard stored.count - written + Self.lineLengthMax <= capacity else {
      if droppedLines == 0 { droppedTag = Array(tag) }
      droppedLines += 1
      return
    }
    noteDroppedLines()
    clock.update()
    let start = stored.count
    begin(tag: tag, severity: severity)
    let text = stored.count
    body(&stored)
    if stored.count - start > Self.lineLengthMax - 1 {
      stored.removeSubrange((start + Self.lineLengthMax - 1)...)
    }
    // Whatever somebody else's words hold, they begin no line of their own and reach no terminal.
    stored.makePrintable(from: text)
    stored.append(ASCII.lf)
  }

  /// Adds a line that says how many were dropped, if any were since this was said last.
  mutating func noteDroppedLines() {
    guard droppedLines > 0 else { return }
    clock.update()
    begin(tag: droppedTag, severity: .warning)
    stored.append(text: "warning: ")
    stored.append(decimal: droppedLines)
    stored.append(text: " log lines were dropped: log_buffer_size is full\n")
    droppedLines = 0
  }

  private mutating func begin(tag: some Collection<UInt8>, severity: LogSeverity) {
    if kind == .syslog {
      stored.append(text: "<")
      stored.append(decimal: facility << 3 | severity.rawValue)
      stored.append(text: ">")
    }
    stored.append(contentsOf: clock.stamp)
    stored.append(contentsOf: hostAndName)
    stored.append(contentsOf: tag)
    stored.append(contentsOf: identity)
  }

  /// Complete lines that wait, each ending in a line feed.
  var bytes: ArraySlice<UInt8> { stored[written...] }

  /// Takes the first `count` bytes out: they have been written.
  mutating func consume(_ count: Int) {
    written += count
    if written == stored.count {
      stored.removeAll(keepingCapacity: count < 1 << 16)
      written = 0
    } else if written >= max(Self.removalSizeMin, stored.count / 2) {
      stored.removeSubrange(..<written)
      written = 0
    }
  }

  /// How many bytes to write at once to a pipe so that lines of several processes do not mix:
  /// whole lines, at most `limit` bytes where the lines allow it.
  func wholeLines(limit: Int) -> Int {
    let waiting = bytes
    guard waiting.count > limit else { return waiting.count }
    if let end = waiting.prefix(limit).lastIndex(of: ASCII.lf) { return end + 1 - written }
    return (waiting.firstIndex(of: ASCII.lf) ?? waiting.endIndex - 1) + 1 - written
  }
}
