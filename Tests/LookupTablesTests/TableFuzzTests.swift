import Primitives
import TestSupport
import Testing

@testable import LookupTables

@Suite struct TableFuzzTests {
  private static let tokens = [
    "a", "B", "example.com", ".org", " ", "\t", "\n", "\r\n", "\n ", "#", "\"", "\\", "=", "{", "}",
    ",", "!", "/", "10.0.0.0", "/8", "[", "::1", "]", ":", "static:", "inline:", "é", "\0",
  ]

  @Test func everyLineOfATexthashIsAnEntryOrReported() throws {
    var generator = SplitMix64(seed: 31)
    for _ in 0..<3000 {
      let bytes = generator.text(tokens: Self.tokens, countMax: 40)
      let table = DictionaryTable(texthash: "texthash:/x", bytes)
      #expect(table.count + table.warnings.count == LogicalLines(bytes).lines.count)
      let upper = bytes.map { (97...122).contains($0) ? $0 - 32 : $0 }
      #expect(DictionaryTable(texthash: "texthash:/x", upper).count == table.count)
    }
  }

  @Test func anyItemIsAListOrRefused() throws {
    var generator = SplitMix64(seed: 32)
    var accepted = 0
    let client = IPAddress(v4: 0x0a00_0001)
    for _ in 0..<5000 {
      let item = String(
        decoding: generator.text(tokens: Self.tokens, countMax: 6), as: UTF8.self)
      guard !item.isEmpty else { continue }
      do throws(LookupError) {
        let networks = try NetworkList([item], opener: Sample.opener)
        let domains = try DomainList([item], style: .parents, opener: Sample.opener)
        // A single pattern that is negated never says yes.
        let isNegated = item.prefix { $0 == "!" }.count % 2 == 1
        if isNegated, !item.contains("/") {
          #expect(try !networks.containsNow(client, hostname: "a.example.com"))
          #expect(try !domains.containsNow("a.example.com".utf8))
        }
        accepted += 1
      } catch {
        #expect("\(error)" != "")
      }
    }
    #expect(accepted > 1000)
  }
}
