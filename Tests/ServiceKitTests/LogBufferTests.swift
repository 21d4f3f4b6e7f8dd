import Primitives
import TestSupport
import Testing

@testable import ServiceKit

private func buffer(_ kind: LogKind = .lines, capacity: Int = 1 << 16) -> LogBuffer {
  LogBuffer(
    kind: kind, capacity: capacity, hostName: "mx.test", syslogName: "postfix", facility: 2, pid: 42
  )
}

private func text(_ buffer: LogBuffer) -> String {
  String(decoding: buffer.bytes, as: UTF8.self)
}

@Test func aLineHasPostfixShape() {
  var log = buffer()
  log.add(tag: Array("smtpd".utf8), severity: .information) { $0.append(text: "connect from x") }
  let line = text(log)
  #expect(line.hasSuffix(" mx postfix/smtpd[42]: connect from x\n"))
  #expect(line.prefix(16).count == 16 && line.dropFirst(3).first == " ")
}

@Test func aSyslogDatagramCarriesPriorityAndNoHost() {
  var log = buffer(.syslog)
  log.add(tag: Array("qmgr".utf8), severity: .warning) { $0.append(text: "warning: y") }
  #expect(text(log).hasPrefix("<20>"))
  #expect(text(log).hasSuffix(" postfix/qmgr[42]: warning: y\n"))
}

/// Words of strangers begin no line of their own and tell no terminal anything.
@Test func controlCharactersDoNotReachTheLog() {
  var log = buffer()
  log.add(tag: Array("smtpd".utf8), severity: .information) {
    $0.append(string: "SNI a\nNov 27 b\r\t\u{1b}[2J \u{9b}31m \u{e9}")
    $0.append(0xff)
  }
  #expect(text(log).hasSuffix("smtpd[42]: SNI a?Nov 27 b???[2J ??31m \u{e9}?\n"))
}

@Test func whatDoesNotFitIsCountedAndSaid() {
  var log = buffer(capacity: 2 * LogBuffer.lineLengthMax)
  for _ in 0..<1000 {
    log.add(tag: [65], severity: .information) { $0.append(text: "0123456789") }
  }
  #expect(log.bytes.count <= 2 * LogBuffer.lineLengthMax)
  #expect(log.droppedLines > 0)
  let dropped = log.droppedLines
  log.consume(log.bytes.count)
  log.add(tag: [65], severity: .information) { $0.append(text: "after") }
  #expect(text(log).contains("\(dropped) log lines were dropped"))
}

@Test func aLongLineIsCutAndEndsInALineFeed() {
  var log = buffer()
  log.add(tag: [65], severity: .information) {
    $0.append(contentsOf: repeatElement(UInt8(ascii: "x"), count: 9000))
  }
  #expect(log.bytes.count == LogBuffer.lineLengthMax)
  #expect(log.bytes.last == 10)
}

@Test func peerTextCannotForgeALine() {
  var bytes: [UInt8] = []
  bytes.append(peerText: Array("a\r\nNov 1 x\u{1b}[0m\u{0}\u{7f}\u{9b}".utf8))
  #expect(String(decoding: bytes, as: UTF8.self) == "a??Nov 1 x?[0m????")
}

@Test func peerTextKeepsWellFormedUTF8() {
  for text in ["no such \u{fc}ser", "\u{a0}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}", "\u{10ffff}x"] {
    var bytes: [UInt8] = []
    bytes.append(peerText: Array(text.utf8))
    #expect(String(decoding: bytes, as: UTF8.self) == text)
  }
  let broken: [([UInt8], String)] = [
    ([0x61, 0xfc, 0x62], "a?b"), ([0xc0, 0xaf], "??"), ([0xed, 0xa0, 0x80], "???"),
    ([0xf4, 0x90, 0x80, 0x80], "????"), ([0xe2, 0x82], "??"), ([0xf8, 0x80], "??"),
    ([0xe2, 0x82, 0xc3, 0xbc], "??\u{fc}"),
  ]
  for (input, shown) in broken {
    var bytes: [UInt8] = []
    bytes.append(peerText: input)
    #expect(String(decoding: bytes, as: UTF8.self) == shown)
  }
}

@Test func noBytesOfAPeerMakeALogLineThatIsNotUTF8() {
  var random = SplitMix64(seed: 3461)
  for round in 0..<20_000 {
    let input = (0..<round % 40).map { _ in
      UInt8(truncatingIfNeeded: random.next() | (random.next() & 0x80))
    }
    var bytes: [UInt8] = []
    bytes.append(peerText: input)
    #expect(bytes.count == input.count)
    let text = String(validating: bytes, as: UTF8.self)
    #expect(text?.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } == true)
  }
}

@Test func aPipeGetsWholeLines() {
  var log = buffer()
  for _ in 0..<10 {
    log.add(tag: [65], severity: .information) {
      $0.append(contentsOf: repeatElement(UInt8(ascii: "x"), count: 900))
    }
  }
  let count = log.wholeLines(limit: 4096)
  #expect(count <= 4096 && log.bytes[count - 1] == 10)
}

@Test func linesThatWereWrittenLeaveTheOthersWhole() {
  var log = buffer()
  var written: [UInt8] = []
  for round in 0..<300 {
    log.add(tag: [65], severity: .information) { $0.append(decimal: round) }
    guard round % 3 == 2 else { continue }
    let count = log.wholeLines(limit: 1)
    written += log.bytes.prefix(count)
    log.consume(count)
  }
  written += log.bytes
  log.consume(log.bytes.count)
  #expect(log.bytes.isEmpty)
  let numbers = String(decoding: written, as: UTF8.self).split(separator: "\n").map {
    $0.split(separator: " ").last.map(String.init)
  }
  #expect(numbers == (0..<300).map(String.init))
}
