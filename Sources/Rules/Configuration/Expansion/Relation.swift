import Primitives

/// A comparison operator of `${{left} operator {right}…}`.
struct Relation {
  private enum Order { case below, same, above }
  private let accepted: [Order]
  private let comparesLevels: Bool

  /// Reads `==`, `!=`, `<`, `<=`, `>=` or `>`; with the suffix `level` it compares versions.
  init?(sign: String, suffix: String) {
    switch sign {
    case "==": accepted = [.same]
    case "!=": accepted = [.below, .above]
    case "<": accepted = [.below]
    case "<=": accepted = [.below, .same]
    case ">=": accepted = [.same, .above]
    case ">": accepted = [.above]
    default: return nil
    }
    guard suffix.isEmpty || suffix == "level" else { return nil }
    comparesLevels = suffix == "level"
  }

  /// Whether the relation holds: by number when both sides are digits, else by byte value.
  func holds(_ left: [UInt8], _ right: [UInt8]) throws(ConfigurationError) -> Bool {
    if comparesLevels {
      let (a, b) = (try Self.level(left), try Self.level(right))
      return accepted.contains(Self.order(a, b) { $0 < $1 })
    }
    let isNumeric = { (bytes: [UInt8]) in !bytes.isEmpty && bytes.allSatisfy(ASCII.isDigit) }
    guard isNumeric(left), isNumeric(right) else {
      return accepted.contains(Self.order(left, right) { $0.lexicographicallyPrecedes($1) })
    }
    let digits = { (bytes: [UInt8]) in Array(bytes.drop { $0 == UInt8(ascii: "0") }) }
    return accepted.contains(
      Self.order(digits(left), digits(right)) {
        $0.count != $1.count ? $0.count < $1.count : $0.lexicographicallyPrecedes($1)
      })
  }

  /// Whether a text is `major[.minor[.patch]]`.
  static func isLevel(_ text: String) -> Bool {
    do throws(ConfigurationError) {
      return try level(Array(text.utf8)) >= 0
    } catch {
      return false
    }
  }

  private static func order<T: Equatable>(_ a: T, _ b: T, by isBelow: (T, T) -> Bool) -> Order {
    a == b ? .same : isBelow(a, b) ? .below : .above
  }

  /// `major[.minor[.patch]]` as one number.
  private static func level(_ bytes: [UInt8]) throws(ConfigurationError) -> UInt64 {
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    var value: UInt64 = 0
    for index in 0..<3 {
      var number: UInt64? = 0
      if index < parts.count {
        let isNumber = parts[index].allSatisfy(ASCII.isDigit) && parts[index].count <= 5
        number = isNumber ? UInt64(parts[index].text) : nil
      }
      guard let number, parts.count <= 3 else {
        throw .malformed("\"\(bytes[...].text)\" is not a level like 3.6")
      }
      value = value << 20 | number
    }
    return value
  }
}
