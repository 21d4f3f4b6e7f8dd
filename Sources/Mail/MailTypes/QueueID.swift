import Primitives

/// The name of a message, in Postfix's long form (`enable_long_queue_ids`).
///
/// It is a name, never a place. The time is strictly increasing within a writer process, and the
/// sequence is that of the writer's segment when the id was made, which is never given out twice;
/// so an id never repeats, whatever the clock does (spool rule R18).
package struct QueueID: Hashable, Sendable {
  /// Microseconds since 1970; at most 2^53.
  package let microseconds: UInt64
  /// The sequence number of the segment that the writer had open.
  package let sequence: UInt64

  /// Names a message by its time in microseconds and its writer's segment sequence.
  package init(microseconds: UInt64, sequence: UInt64) {
    self.microseconds = microseconds
    self.sequence = sequence
  }

  /// The longest printed form in bytes.
  package static let textLengthMax = 6 + 5 + 4 + 1 + 12

  private static let alphabet = Array(
    "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz".utf8)

  private static let values: [Int8] = {
    var table = [Int8](repeating: -1, count: 256)
    for (value, digit) in alphabet.enumerated() { table[Int(digit)] = Int8(value) }
    return table
  }()

  /// Appends the printed form: six or more base-52 digits of seconds, four of microseconds, `z`,
  /// and the sequence in base 51.
  package func append(to text: inout [UInt8]) {
    Self.append(microseconds / 1_000_000, base: 52, width: 6, to: &text)
    Self.append(microseconds % 1_000_000, base: 52, width: 4, to: &text)
    text.append(UInt8(ascii: "z"))
    Self.append(sequence, base: 51, width: 1, to: &text)
  }

  private static func append(
    _ value: UInt64, base: UInt64, width: Int, to text: inout [UInt8]
  ) {
    var count = width
    var limit = (0..<width).reduce(UInt64(1)) { product, _ in product * base }
    while value >= limit {
      count += 1
      let (next, overflow) = limit.multipliedReportingOverflow(by: base)
      if overflow { break }
      limit = next
    }
    let start = text.count
    text.append(contentsOf: repeatElement(0, count: count))
    var rest = value
    for at in (start..<start + count).reversed() {
      text[at] = alphabet[Int(rest % base)]
      rest /= base
    }
  }

  /// Parses the printed form; `nil` when it is not one that `append(to:)` makes.
  package init?(text: some BidirectionalCollection<UInt8>) {
    // The time may hold the letter as a digit, the sequence cannot: the last one is the mark.
    guard text.count <= Self.textLengthMax,
      let mark = text.lastIndex(of: UInt8(ascii: "z"))
    else { return nil }
    let head = Array(text[..<mark])
    let tail = text[text.index(after: mark)...]
    guard head.count >= 10,
      let seconds = Self.parse(head.dropLast(4), base: 52), seconds < 1 << 40,
      let micros = Self.parse(head.suffix(4), base: 52), micros < 1_000_000,
      let sequence = Self.parse(tail, base: 51), !tail.isEmpty
    else { return nil }
    self.init(microseconds: seconds * 1_000_000 + micros, sequence: sequence)
    var printed: [UInt8] = []
    append(to: &printed)
    guard printed.elementsEqual(text) else { return nil }
  }

  private static func parse(_ digits: some Collection<UInt8>, base: UInt64) -> UInt64? {
    var value: UInt64 = 0
    for digit in digits {
      let digitValue = values[Int(digit)]
      guard digitValue >= 0, UInt64(digitValue) < base else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: base)
      let (sum, overflow2) = product.addingReportingOverflow(UInt64(digitValue))
      if overflow || overflow2 { return nil }
      value = sum
    }
    return value
  }
}

extension QueueID: CustomStringConvertible {
  /// The printed form.
  package var description: String {
    var text: [UInt8] = []
    append(to: &text)
    return String(decoding: text, as: UTF8.self)
  }
}
