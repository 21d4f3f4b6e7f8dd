import Primitives

/// Follows a header whose beginning has gone ahead, in pieces as they come, up to its end.
///
/// It does for what comes later what a `HeaderScan` of the whole would have done: it counts hops
/// and finds the place for the empty line that the client left out.
package struct HeaderContinuation: Sendable {
  private enum State {
    /// Before the first byte of a line that is no continuation of a field.
    case lineStart
    /// Within a field.
    case field
    /// Behind a line of a field, which the next may continue.
    case fieldLineEnd
    /// Behind the header.
    case over
  }

  private var state = State.lineStart
  /// How many `Received:` fields came.
  package private(set) var receivedCount = 0

  /// A name that is longer is no field's: RFC 5322 2.1.1 allows no longer line.
  private static let nameLengthMax = 998

  /// A header of which the first line to look at begins where the first piece does.
  package init() {}

  /// Looks at the next piece, wire form, and puts the missing empty line into it.
  ///
  /// Returns how many bytes at its end have to come again as the beginning of the next piece:
  /// one cannot tell yet what they are. `isLast` says that there is no next one.
  package mutating func take(_ piece: inout [UInt8], isLast: Bool = false) -> Int {
    var at = 0
    while at < piece.count {
      switch state {
      case .over: return 0
      case .field:
        let (start, lf) = (at, ASCII.lf)
        at = piece[start...].firstIndex(of: lf).map { $0 + 1 } ?? piece.count
        if piece[at - 1] == lf { state = .fieldLineEnd }
      case .fieldLineEnd:
        state =
          piece[at] == ASCII.space || piece[at] == ASCII.tab ? .field : .lineStart
      case .lineStart:
        switch piece.withUnsafeBytes({ HeaderScan.fieldName($0, at) }) {
        case .field(let colon):
          count(piece[at..<colon])
          at = colon + 1
          state = .field
        case .cutOff where !isLast && piece.count - at <= Self.nameLengthMax:
          return piece.count - at
        case .none, .cutOff:
          end(&piece, at)
        }
      }
    }
    if isLast, state != .over { end(&piece, piece.count) }
    return 0
  }

  private mutating func count(_ name: ArraySlice<UInt8>) {
    let spaces = name.reversed().prefix { $0 == ASCII.space || $0 == ASCII.tab }.count
    if ASCII.equalFolded(name.dropLast(spaces), "received".utf8) { receivedCount += 1 }
  }

  private mutating func end(_ piece: inout [UInt8], _ place: Int) {
    state = .over
    if place < piece.count, piece[place] == ASCII.cr { return }
    piece.insert(contentsOf: [ASCII.cr, ASCII.lf], at: place)
  }
}
