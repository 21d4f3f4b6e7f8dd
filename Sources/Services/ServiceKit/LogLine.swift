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

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  mutating func update() {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME_COARSE, &now)
    guard Int64(now.tv_sec) != second else { return }
    second = Int64(now.tv_sec)
    var parts = tm()
    localtime_r(&now.tv_sec, &parts)
    stamp.removeAll(keepingCapacity: true)
    stamp.append(string: Self.months[Int(parts.tm_mon)])
    stamp.append(text: " ")
    if parts.tm_mday < 10 { stamp.append(text: " ") }
    stamp.append(decimal: parts.tm_mday)
    stamp.append(text: " ")
    stamp.append(decimal: parts.tm_hour, width: 2)
    stamp.append(text: ":")
    stamp.append(decimal: parts.tm_min, width: 2)
    stamp.append(text: ":")
    stamp.append(decimal: parts.tm_sec, width: 2)
  }
}
