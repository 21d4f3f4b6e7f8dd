import Primitives

/// A line of Dovecot's authentication protocol: fields between tabs, in which five bytes are
/// spelled behind a mark.
struct DovecotLine {
  private static let mark: UInt8 = 1

  /// The fields as they are meant.
  let fields: [[UInt8]]

  init(_ line: [UInt8]) {
    fields = line.split(separator: ASCII.tab, omittingEmptySubsequences: false).map {
      Self.unescaped($0)
    }
  }

  /// The command.
  var command: String { String(decoding: fields[0], as: UTF8.self) }

  /// The number in a field; `nil` when there is none.
  func number(_ index: Int) -> UInt32? {
    guard index < fields.count, !fields[index].isEmpty, fields[index].allSatisfy(ASCII.isDigit)
    else { return nil }
    return UInt32(String(decoding: fields[index], as: UTF8.self))
  }

  /// The value of `name=value` from the third field on.
  func value(_ name: StaticString) -> [UInt8]? {
    let start = Array("\(name)=".utf8)
    return fields.dropFirst(2).first { $0.starts(with: start) }
      .map { Array($0.dropFirst(start.count)) }
  }

  /// Whether a word without a value stands from the third field on.
  func holds(_ word: StaticString) -> Bool {
    fields.dropFirst(2).contains { $0 == Array("\(word)".utf8) }
  }

  /// Appends a value as fields spell it.
  static func append(_ value: some Collection<UInt8>, to line: inout [UInt8]) {
    for byte in value {
      let letter: UInt8? =
        switch byte {
        case 0: UInt8(ascii: "0")
        case mark: UInt8(ascii: "1")
        case ASCII.tab: UInt8(ascii: "t")
        case ASCII.cr: UInt8(ascii: "r")
        case ASCII.lf: UInt8(ascii: "n")
        default: nil
        }
      if let letter {
        line.append(mark)
        line.append(letter)
      } else {
        line.append(byte)
      }
    }
  }

  private static func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
    var value: [UInt8] = []
    value.reserveCapacity(field.count)
    var rest = field.makeIterator()
    while let byte = rest.next() {
      guard byte == mark, let letter = rest.next() else {
        if byte != mark { value.append(byte) }
        continue
      }
      switch letter {
      case UInt8(ascii: "0"): value.append(0)
      case UInt8(ascii: "1"): value.append(mark)
      case UInt8(ascii: "t"): value.append(ASCII.tab)
      case UInt8(ascii: "r"): value.append(ASCII.cr)
      case UInt8(ascii: "n"): value.append(ASCII.lf)
      default: value.append(letter)
      }
    }
    return value
  }
}
