import TestSupport
import Testing

@testable import MilterCore

/// A packet as it stands on the wire.
func wire(_ code: Unicode.Scalar, _ data: [UInt8] = []) -> [UInt8] {
  var out: [UInt8] = []
  out.append(milterPacket: UInt8(ascii: code)) { $0 += data }
  return out
}

/// What a reader makes of chunks: the packets, and the fault that ended it.
private struct Outcome: Equatable {
  var packets: [MilterPacket] = []
  var fault: MilterFault?
}

private func read(_ chunks: [[UInt8]]) -> Outcome {
  var outcome = Outcome()
  var reader = MilterPacketReader()
  for chunk in chunks where outcome.fault == nil {
    chunk.withUnsafeBytes { reader.take($0) }
    do throws(MilterFault) {
      while let packet = try reader.next() { outcome.packets.append(packet) }
    } catch {
      outcome.fault = error
    }
  }
  return outcome
}

@Suite struct MilterPacketTests {
  @Test func lengthGoesBeforeCodeAndData() {
    #expect(wire("c") == [0, 0, 0, 1, 0x63])
    #expect(wire("y", [1, 2, 3]) == [0, 0, 0, 4, 0x79, 1, 2, 3])
  }

  @Test func packetsComeWholeHoweverTheyAreCut() {
    let input = wire("c") + wire("h", Array("X-A\0b\0".utf8)) + wire("p") + wire("b", [])
    let results = feedWholeAndByteByByte(input) { read($0) }
    #expect(results.agree)
    #expect(results.whole.packets.map(\.code) == Array("chpb".utf8))
    #expect(results.whole.packets[1].data == Array("X-A\0b\0".utf8))
  }

  private static let badLengths: [([UInt8], UInt32)] = [
    ([0, 0, 0, 0], 0), ([0xff, 0xff, 0xff, 0xff], .max), ([0, 1, 0, 0x41], (64 << 10) + 65),
  ]

  @Test(arguments: badLengths) func aLengthThatMakesNoSenseIsFoundBeforeRoomIsTaken(
    bytes: [UInt8], length: UInt32
  ) {
    #expect(read([bytes]).fault == .packetLength(length))
  }

  @Test func randomBytesAreReadAlikeHoweverTheyAreCut() {
    var random = SplitMix64(seed: 11)
    for round in 0..<500 {
      var input: [UInt8] = []
      for _ in 0..<random.below(6) {
        let codes: [Unicode.Scalar] = ["c", "h", "m", "y", "O", "q", "\u{1}"]
        input += wire(codes[random.below(codes.count)], random.bytes(count: random.below(20)))
      }
      if random.oneIn(3) { input += random.bytes(count: random.below(9)) }
      let results = feedWholeAndByteByByte(input, seed: UInt64(round)) { read($0) }
      #expect(results.agree, "round \(round)")
      for packet in results.whole.packets {
        // Any packet means something or is refused, at every stage.
        for stage in MilterStage.allCases {
          var session = agreed()
          if case .edit = try? session.take(packet, at: stage) {
            #expect(stage == .endOfMessage)
          }
          var fresh = MilterSession(
            MilterProtocol(version: 6)!, defaultAction: .tempfail, macros: [:])
          if (try? fresh.agree(packet)) != nil { #expect(packet.code == UInt8(ascii: "O")) }
        }
      }
    }
  }
}

/// A session that has agreed on all actions and `steps`.
func agreed(
  version: UInt32 = 6, actions: UInt32 = 0x1ff, steps: UInt32 = 0,
  macros: [MilterStage: [String]] = [:], defaultAction: MilterDefaultAction = .tempfail
) -> MilterSession {
  var session = MilterSession(
    MilterProtocol(version: version)!, defaultAction: defaultAction, macros: macros)
  var data: [UInt8] = []
  data.append(milterNumber: version)
  data.append(milterNumber: version == 6 ? actions : actions & 0x3f)
  data.append(milterNumber: steps)
  do throws(MilterFault) {
    try session.agree(MilterPacket(code: UInt8(ascii: "O"), data: data))
  } catch {
    Issue.record("not agreed: \(error)")
  }
  return session
}
