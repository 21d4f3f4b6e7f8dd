import Primitives
import Testing

@testable import ServiceKit

private func buffer(_ kind: LogKind = .lines, capacity: Int = 1 << 16) -> LogBuffer {
  LogBuffer(
    kind: kind, capacity: capacity, hostName: "mx", syslogName: "postfix", facility: 2, pid: 42)
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
  bytes.append(peerText: Array("a\r\nNov 1 x\u{1b}[0m\u{0}é".utf8))
  #expect(String(decoding: bytes, as: UTF8.self) == "a??Nov 1 x?[0m???")
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
