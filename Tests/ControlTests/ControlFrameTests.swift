import Testing

@testable import Control

private let frames: [ControlFrame] = [
  .command([1, 2, 3]), .part([UInt8](repeating: 7, count: 3000)), .end, .refused("no"),
]

@Test func framesComeOutWholeHoweverTheyAreCut() throws {
  let bytes = frames.flatMap(\.encoded)
  for size in [1, 2, 7, 1000, bytes.count] {
    var reader = ControlFrameReader()
    var seen: [ControlFrame] = []
    var at = 0
    while at < bytes.count {
      let end = min(at + size, bytes.count)
      bytes[at..<end].withUnsafeBytes { reader.append($0) }
      at = end
      while let frame = try reader.next() { seen.append(frame) }
    }
    #expect(seen == frames)
  }
}

@Test func aFrameThatClaimsTooMuchIsRefusedBeforeMemoryIsTaken() {
  var reader = ControlFrameReader()
  [UInt8](repeating: 0xff, count: 4).withUnsafeBytes { reader.append($0) }
  #expect(throws: ControlFrameReader.Violation.self) { try reader.next() }
}

@Test func anEmptyOrUnknownFrameIsRefused() {
  for bytes: [UInt8] in [[0, 0, 0, 0], [1, 0, 0, 0, 99]] {
    var reader = ControlFrameReader()
    bytes.withUnsafeBytes { reader.append($0) }
    #expect(throws: ControlFrameReader.Violation.self) { try reader.next() }
  }
}
