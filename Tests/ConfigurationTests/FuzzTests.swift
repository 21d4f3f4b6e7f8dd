import TestSupport
import Testing

@testable import Configuration

/// What must hold for any text that stands in a configuration file.
@Suite struct FuzzTests {
  private static let tokens = [
    "a", "b", "myhostname", "mydomain", "mydestination", "smtpd_timeout", "=", " = ", "\n", "\r\n",
    "\n ", "\t", "#", "$", "$a", "${", "}", "${a?", "${b:", "{", "{a}", "==", " <level ", "?", ":",
    "$(", ")", "$$", ",", "5", "10s", "yes", "\\", "\"", "\0", "é", "-o ", "-v", "inet", "unix",
    "n ",
    "- ", "smtpd ", "smtp ",
  ]

  /// Reads a main.cf and evaluates it; what was listed, read again, gives the same assignments.
  private func checkMain(_ bytes: [UInt8]) throws {
    let main = MainFile(bytes, file: "main.cf")
    let evaluation = Configuration.evaluate(main, host: Sample.host)
    #expect(evaluation.configuration[.myhostname].utf8.count < 1 << 19)
    let names = main.assignments.map(\.name)
    #expect(Set(names).count == names.count)
    let copy = try Configuration(serialized: evaluation.configuration.serialized())
    #expect(copy.layers.assignments == evaluation.configuration.layers.assignments)
    let withReturns = bytes.flatMap { $0 == 10 ? [13, 10] : [$0] }
    if !bytes.contains(13) {
      let values = MainFile(withReturns, file: "main.cf").assignments.map(\.value)
      #expect(values == main.assignments.map(\.value))
    }
    let text = main.assignments.filter { !$0.name.hasPrefix("#") }.map {
      "\($0.name) = \($0.value)"
    }
    let again = MainFile(Array(text.joined(separator: "\n").utf8), file: "main.cf")
    #expect(again.assignments.map { "\($0.name) = \($0.value)" } == text)
  }

  private func checkMaster(_ bytes: [UInt8]) {
    let file = MasterFile(bytes, file: "master.cf")
    let base = Sample.evaluate("").configuration
    for service in file.services.prefix(3) {
      #expect(!service.name.isEmpty && !service.command.isEmpty)
      #expect(service.overrides.allSatisfy { !$0.name.isEmpty })
      #expect(base.overlaid(by: service).configuration.text("service_name") != nil)
    }
  }

  @Test(arguments: Corpus.load("main"))
  func mainFilesOfTheCorpus(entry: CorpusEntry) throws {
    try checkMain(entry.bytes)
    for cut in stride(from: 0, to: entry.bytes.count, by: max(1, entry.bytes.count / 40)) {
      try checkMain(Array(entry.bytes[..<cut]))
    }
  }

  @Test(arguments: Corpus.load("master"))
  func masterFilesOfTheCorpus(entry: CorpusEntry) {
    checkMaster(entry.bytes)
    for cut in stride(from: 0, to: entry.bytes.count, by: 17) {
      checkMaster(Array(entry.bytes[..<cut]))
    }
  }

  @Test func randomMainFiles() throws {
    var generator = SplitMix64(seed: 2026)
    for _ in 0..<200 { try checkMain(generator.text(tokens: Self.tokens, countMax: 60)) }
    for _ in 0..<50 { try checkMain(generator.bytes(count: 100)) }
  }

  @Test func randomMasterFiles() {
    var generator = SplitMix64(seed: 2027)
    for _ in 0..<200 {
      let head = Array("smtp inet n - n - - smtpd ".utf8)
      checkMaster(generator.text(tokens: Self.tokens, countMax: 60))
      checkMaster(head + generator.text(tokens: Self.tokens, countMax: 20))
    }
  }

  @Test func randomExpressionsExpandOrAreRefused() {
    var generator = SplitMix64(seed: 2028)
    var expanded = 0
    for _ in 0..<20000 {
      let text = String(
        decoding: generator.text(tokens: Self.tokens, countMax: 12), as: UTF8.self)
      var expander = MacroExpander { name throws(ConfigurationError) in
        ["a": "$b x", "b": "", "myhostname": "${a?{$mydomain}}"][name]
      }
      do throws(ConfigurationError) {
        let value = try expander.expand(text, owner: "owner")
        if !text.contains("$") { #expect(value == text) }
        expanded += 1
      } catch {
        #expect(text.contains("$"), "\(error) for \(text)")
      }
    }
    #expect(expanded > 5000)
  }
}
