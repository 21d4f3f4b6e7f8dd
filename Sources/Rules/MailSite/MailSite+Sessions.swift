import Configuration
import LookupTables
package import Primitives

/// What the tables of the configuration say about single clients.
extension MailSite {
  /// Whether `smtpd_discard_ehlo_keyword_address_maps` names tables.
  package var hidesKeywordsByClient: Bool { !keywordMaps.isEmpty }

  /// The EHLO keywords that a client is not shown; `nil` when no table has it, or one does not
  /// answer: then it is shown what others are.
  package func discardedKeywords(of client: IPAddress) async -> [String]? {
    do throws(LookupError) {
      guard let found = try await keywordMaps.find(Array("\(client)".utf8)) else { return nil }
      let words = found.value.split { $0 == UInt8(ascii: ",") || ASCII.isSpace($0) }
      return words.map { String(decoding: $0, as: UTF8.self) }
    } catch {
      return nil
    }
  }
}
