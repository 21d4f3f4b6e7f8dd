import Glibc
package import MailTypes
import Primitives

/// Text from a peer on its way into the log: what could forge a line or a terminal sequence is
/// replaced, as Postfix does, by question marks.
extension [UInt8] {
  /// The longest piece of peer text that one call lets into the log, in bytes.
  package static var peerTextLengthMax: Int { 1000 }

  /// Appends peer text, cut at `peerTextLengthMax`; see `makePrintable`.
  package mutating func append(peerText: some Collection<UInt8>) {
    let isDone: Void? = peerText.withContiguousStorageIfAvailable { appendPrintable($0) }
    if isDone == nil { Array(peerText).withUnsafeBufferPointer { appendPrintable($0) } }
  }

  private mutating func appendPrintable(_ bytes: UnsafeBufferPointer<UInt8>) {
    let start = count
    append(contentsOf: bytes.prefix(Self.peerTextLengthMax))
    makePrintable(from: start)
  }

  /// Appends a queue id in its printed form.
  package mutating func append(queueID: QueueID) {
    queueID.append(to: &self)
  }
}

/// The time stamp of log lines, `Nov  9 17:41:00`, made once a second.
struct LogClock {
  private var second: Int64 = .min
  private(set) var stamp: [UInt8] = []

  mutating func update() {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME_COARSE, &now)
    guard Int64(now.tv_sec) != second else { return }
    second = Int64(now.tv_sec)
    stamp.removeAll(keepingCapacity: true)
    stamp.append(localTime: second)
  }
}

extension [UInt8] {
  private static let months: [StaticString] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Appends a time, in seconds since 1970, as log lines show it: `Nov  9 17:41:00`, local time.
  package mutating func append(localTime seconds: Int64) {
    var seconds = time_t(seconds)
    var parts = tm()
    localtime_r(&seconds, &parts)
    append(text: Self.months[Int(parts.tm_mon)])
    append(text: " ")
    if parts.tm_mday < 10 { append(text: " ") }
    append(decimal: parts.tm_mday)
    append(text: " ")
    append(decimal: parts.tm_hour, width: 2)
    append(text: ":")
    append(decimal: parts.tm_min, width: 2)
    append(text: ":")
    append(decimal: parts.tm_sec, width: 2)
  }
}
