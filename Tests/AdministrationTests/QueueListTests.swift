import MailTypes
import Primitives
import ServiceKit
import Testing

@testable import Administration

private func entry(
  _ state: QueueListEntry.State = .deferred, size: UInt64 = 313, sender: String = "a@example.org",
  sequence: UInt64 = 3, recipients: [(String, String)] = [("b@example.net", "no route")]
) -> QueueListEntry {
  QueueListEntry(
    id: QueueID(microseconds: 1_700_000_000_000_001, sequence: sequence), state: state,
    arrival: WallTime(microseconds: 1_700_000_000_000_001), size: size,
    sender: MailAddress(sender),
    recipients: recipients.map {
      .init(address: MailAddress($0.0), reason: Array($0.1.utf8))
    })
}

private func text(_ entries: [QueueListEntry]) -> [String] {
  var list = QueueListText()
  var bytes = entries.flatMap { list.lines(for: $0) }
  bytes += Array(list.summary().utf8)
  return String(decoding: bytes, as: UTF8.self).split(
    separator: "\n", omittingEmptySubsequences: false
  ).map(String.init)
}

@Test func anEmptyQueueSaysSo() {
  #expect(text([]) == ["Mail queue is empty", ""])
}

@Test func theSumIsInWholeKilobytesAndCountsRequests() {
  #expect(text([entry(size: 1023)]).dropLast().last == "-- 0 Kbytes in 1 Request.")
  let two = [entry(size: 3_004_676), entry(size: 594)]
  #expect(text(two).dropLast().last == "-- 2934 Kbytes in 2 Requests.")
}

@Test func aMessageInPiecesIsPrintedAsOne() {
  let many = (0..<7).map { ("r\($0)@x.test", $0 < 4 ? "down" : "full") }
  let whole = entry(recipients: many)
  let pieces = [(QueueListEntry.Piece.first, 0..<3), (.middle, 3..<5), (.last, 5..<7)].map {
    var piece = whole
    piece.piece = $0.0
    piece.recipients = Array(whole.recipients[$0.1])
    return piece
  }
  #expect(text(pieces + [entry()]) == text([whole, entry()]))
  #expect(pieces.flatMap { QueueListJSON.line(for: $0) } == QueueListJSON.line(for: whole))
}

@Test func mailThatIsToExpireIsMarked() {
  var marked = entry(.hold)
  marked.isToExpire = true
  #expect(text([marked])[1].hasPrefix("\(marked.id)!# "))
  let json = String(decoding: QueueListJSON.line(for: marked), as: UTF8.self)
  #expect(json.contains(", \"forced_expire\": true, "))
}

@Test func theStateStandsBehindTheID() {
  for (state, mark) in [
    (QueueListEntry.State.active, "*"), (.hold, "!"), (.deferred, " "), (.incoming, " "),
  ] {
    let line = text([entry(state)])[1]
    #expect(line.dropFirst(entry().id.description.count).first.map(String.init) == mark)
  }
}

@Test func aReasonIsSaidOnceForThoseWhoShareIt() {
  let lines = text([
    entry(recipients: [
      ("a@x.test", ""), ("b@x.test", "down"), ("c@x.test", "down"), ("d@x.test", "full"),
    ])
  ])
  let indent = String(repeating: " ", count: 47)
  #expect(
    lines[2...7] == [
      indent + "a@x.test", String(repeating: " ", count: 72) + "(down)", indent + "b@x.test",
      indent + "c@x.test", String(repeating: " ", count: 72) + "(full)", indent + "d@x.test",
    ])
}

@Test func whatAPeerSaidCannotForgeALine() {
  let lines = text([entry(recipients: [("b@x.test", "bad\r\n-- 0 Kbytes in 0 Requests.\u{1b}[2J")])]
  )
  #expect(lines.count == 7)
  #expect(lines.allSatisfy { $0.allSatisfy { $0.isASCII && $0 >= " " } })
}

@Test func jsonEscapesWhatItMust() {
  let line = QueueListJSON.line(
    for: entry(.active, sender: "", recipients: [("\"a\\b\"@x.test", "line\r\n\ttab\u{1}\u{e9}")]))
  let json = String(decoding: line, as: UTF8.self)
  #expect(json.hasPrefix("{\"queue_name\": \"active\", \"queue_id\": \"\(entry().id)\", "))
  #expect(json.contains("\"sender\": \"MAILER-DAEMON\""))
  #expect(json.contains("{\"address\": \"\\\"a\\\\b\\\"@x.test\", "))
  #expect(json.hasSuffix("}]}\n"))
  #expect(line.dropLast().allSatisfy { $0 >= 32 })
  #expect(json.contains("\u{e9}"))
}

@Test func jsonReplacesBytesThatAreNoText() {
  var broken = entry()
  broken.recipients[0].reason = [0xff, 0x41, 0xc3]
  let json = String(validating: QueueListJSON.line(for: broken), as: UTF8.self)
  #expect(json?.contains("\"\u{fffd}A\u{fffd}\"") == true)
}
