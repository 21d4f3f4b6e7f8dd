import TestSupport
import Testing

@testable import Configuration

@Suite struct ConfigurationRecordTests {
  private let sample = Sample.evaluate(
    "myhostname = mx.example.com\nsmtpd_timeout = 7s\nmacro = x\nmydestination = $macro é"
  ).configuration

  @Test func comesBackAsItWas() throws {
    let copy = try Configuration(serialized: sample.serialized())
    #expect(copy[.smtpdTimeout] == .seconds(7))
    #expect(copy[.mydestination] == ["x", "é"])
    #expect(copy[.mynetworks] == sample[.mynetworks])
    #expect(copy[.mynetworks].count == 5)
    #expect(copy.text("macro") == "x")
    #expect(copy.serialized() == sample.serialized())
    let location = SourceLocation(file: "main.cf", line: 1)
    let evaluation = copy.overlaid(by: [
      Assignment(name: "smtpd_timeout", value: "x", location: location)
    ])
    #expect(evaluation.hasErrors && evaluation.diagnostics.first?.location == location)
  }

  @Test func everyCutIsNoticed() {
    let bytes = sample.serialized()
    for length in 0..<bytes.count {
      #expect(throws: ConfigurationError.damagedRecord) {
        try Configuration(serialized: Array(bytes[..<length]))
      }
    }
    #expect(throws: ConfigurationError.damagedRecord) { try Configuration(serialized: bytes + [0]) }
  }

  @Test func damageNeverTraps() {
    var generator = SplitMix64(seed: 11)
    let bytes = sample.serialized()
    for _ in 0..<300 {
      var damaged = bytes
      damaged[generator.below(damaged.count)] = UInt8(generator.below(256))
      do throws(ConfigurationError) {
        let copy = try Configuration(serialized: damaged)
        #expect(copy.serialized().count > 0)
      } catch {
        #expect(error == .damagedRecord)
      }
    }
  }
}
