import TestSupport
import Testing

@testable import MilterCore

private let own = "Received: from c.test\r\n\tby mx.test;\r\n"

private func header(_ text: String) -> MilterHeader {
  MilterHeader(Array((own + text).utf8)[...], ownSize: own.utf8.count)
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension MilterHeader {
  fileprivate var text: String { String(decoding: wire, as: UTF8.self) }
}

@Suite struct MilterHeaderTests {
  @Test func theTraceFieldIsNotSeen() {
    let seen = header("Subject: x\r\nFoo:  y\r\n\tz\r\n..dot: d\r\n").visible
    #expect(seen.map { String(decoding: $0.name, as: UTF8.self) } == ["Subject", "Foo", ".dot"])
    #expect(
      seen.map { String(decoding: $0.value, as: UTF8.self) } == [" x", "  y\n\tz", " d"])
  }

  @Test func anUnchangedHeaderStaysAsItIs() {
    let text = "Subject : x\r\n..dot: d\r\nA:\r\n \r\n"
    let header = header(text)
    #expect(!header.isChanged)
    #expect(header.text == own + text)
    #expect(header.size == (own + text).utf8.count - 1)
    #expect(header.hasStuffedLines)
  }

  @Test func fieldsAreAddedInsertedChangedAndRemoved() throws {
    var edited = header("A: 1\r\nB: 2\r\nA: 3\r\n")
    try edited.add(bytes("X"), bytes("end"), keepingSpace: false)
    try edited.change(2, bytes("a"), bytes("three"), keepingSpace: false)
    try edited.change(1, bytes("B"), [], keepingSpace: false)
    try edited.change(7, bytes("New"), bytes("n"), keepingSpace: false)
    try edited.change(7, bytes("Gone"), [], keepingSpace: false)
    // The trace field has a place where something is inserted, and none where it is changed.
    try edited.insert(at: 0, bytes("Top"), bytes("t"), keepingSpace: false)
    try edited.insert(at: 2, bytes("Two"), bytes("2"), keepingSpace: false)
    try edited.change(1, bytes("Received"), bytes("not the trace"), keepingSpace: false)
    #expect(
      edited.text
        == "Top: t\r\n" + own + "Two: 2\r\nA: 1\r\na: three\r\nX: end\r\nNew: n\r\n"
        + "Received: not the trace\r\n")
  }

  @Test func valuesOfSeveralLinesStayOneField() throws {
    var edited = header("")
    try edited.add(bytes("A"), bytes(" v1\n v2\r\nv3\n\n.v4"), keepingSpace: true)
    #expect(edited.text == own + "A: v1\r\n v2\r\n\tv3\r\n\t.v4\r\n")
  }

  @Test func whatMilterMayAddIsBounded() throws {
    var edited = header("")
    let part = [UInt8](repeating: 0x61, count: 60_000)
    var added = 0
    #expect(throws: MilterFault.self) {
      while true {
        try edited.add(bytes("A"), part, keepingSpace: false)
        added += 1
      }
    }
    #expect(added == MilterHeader.addedSizeMax / 60_005)
  }

  @Test func randomEditsLeaveAHeader() throws {
    var random = SplitMix64(seed: 5)
    let alphabet = bytes("a:.\r\n \t\u{0}\u{80}")
    for _ in 0..<2000 {
      var edited = header("A: 1\r\nB: 2\r\n")
      for _ in 0..<random.below(5) {
        let value = random.bytes(count: random.below(9), from: alphabet)
        let index = UInt32(random.below(5))
        switch random.below(3) {
        case 0: try edited.add(bytes("X"), value, keepingSpace: random.oneIn(2))
        case 1: try edited.insert(at: index, bytes(".X"), value, keepingSpace: random.oneIn(2))
        default: try edited.change(index, bytes("a"), value, keepingSpace: random.oneIn(2))
        }
      }
      // Taken apart again it is the same: nothing broke out of its field.
      let again = MilterHeader(edited.wire[...], ownSize: 0)
      #expect(again.wire == edited.wire)
      #expect(again.size == edited.size)
      #expect(!edited.text.contains("\r\n\r\n"))
      let names = again.visible.map { String(decoding: $0.name, as: UTF8.self) }
      #expect(Set(names).isSubset(of: ["Received", "A", "a", "B", "X", ".X"]), "\(names)")
    }
  }

  /// What changes cost of a header of `count` fields of one name and as many of others.
  private func steps(
    of count: Int, _ change: (inout MilterHeader, _ round: Int) throws(MilterFault) -> Void
  ) throws -> Int {
    let fields = (0..<count).map { "Authentication-Results: \($0)\r\nX-\($0): y\r\n" }
    var edited = header(fields.joined())
    for round in 0..<count { try change(&edited, round) }
    return edited.steps
  }

  @Test func whatManyChangesCostGrowsWithTheirNumber() throws {
    let name = bytes("authentication-results")
    for count in [100, 1000] {
      // From the last to the first, as milters do that remove forged fields; and from the first.
      let backwards = try steps(of: count) { (header, round) throws(MilterFault) in
        try header.change(UInt32(count - round), name, [], keepingSpace: false)
      }
      let forwards = try steps(of: count) { (header, _) throws(MilterFault) in
        try header.change(1, name, [], keepingSpace: false)
      }
      let inPlace = try steps(of: count) { (header, round) throws(MilterFault) in
        try header.change(UInt32(round + 1), name, bytes("v"), keepingSpace: false)
      }
      let inVain = try steps(of: count) { (header, _) throws(MilterFault) in
        try header.change(1, bytes("None"), [], keepingSpace: false)
      }
      let onTop = try steps(of: count) { (header, round) throws(MilterFault) in
        try header.insert(at: UInt32(round % 2), bytes("X"), bytes("v"), keepingSpace: false)
        try header.add(bytes("X"), bytes("v"), keepingSpace: false)
      }
      for steps in [backwards, forwards, inPlace, inVain, onTop] { #expect(steps <= 3 * count) }
    }
  }

  /// The same changes made to a plain list of fields.
  private struct ModelHeader {
    var fields: [(name: String, value: String, isOwn: Bool)]

    mutating func insert(at index: Int, _ name: String, _ value: String) {
      fields.insert((name, value, false), at: min(index, fields.count))
    }

    mutating func change(_ number: Int, _ name: String, _ value: String) {
      let places = fields.indices.filter {
        !fields[$0].isOwn && fields[$0].name.lowercased() == name.lowercased()
      }
      guard number <= places.count else {
        if !value.isEmpty { fields.append((name, value, false)) }
        return
      }
      if value.isEmpty {
        fields.remove(at: places[number - 1])
      } else {
        fields[places[number - 1]] = (name, value, false)
      }
    }

    var text: String { fields.map { "\($0.name): \($0.value)\r\n" }.joined() }
  }

  @Test func randomChangesAreThoseOfAPlainList() throws {
    var random = SplitMix64(seed: 17)
    let names = ["A", "a", "B", "Own", "C"]
    for round in 0..<300 {
      var model = ModelHeader(fields: [("Own", "0", true)])
      for number in 0..<random.below(12) {
        model.fields.append((names[random.below(5)], "\(number)", false))
      }
      var edited = MilterHeader(bytes(model.text)[...], ownSize: 8)
      for number in 0..<random.below(40) {
        let name = names[random.below(5)]
        let value = random.oneIn(3) ? "" : "v\(number)"
        let place = random.below(model.fields.count + 2)
        switch random.below(3) {
        case 0:
          model.fields.append((name, "n\(number)", false))
          try edited.add(bytes(name), bytes("n\(number)"), keepingSpace: false)
        case 1:
          model.insert(at: place, name, "i\(number)")
          try edited.insert(
            at: UInt32(place), bytes(name), bytes("i\(number)"), keepingSpace: false)
        default:
          model.change(max(place, 1), name, value)
          try edited.change(
            UInt32(place), bytes(name), bytes(value), keepingSpace: false)
        }
        #expect(edited.text == model.text, "round \(round)")
        #expect(edited.size == model.text.utf8.count)
      }
    }
  }
}
