import Configuration
import LookupTables
package import Primitives

/// What the configuration says about single clients and commands.
extension MailSite {
  /// The pattern in the default of `smtpd_forbidden_commands`: what begins with no letter.
  package static let oddCommandPattern = "regexp:{{/^[^A-Z]/ Bogus}}"

  /// Lists of commands hold words. A table there would be ignored, so it is refused.
  static func checkCommands(_ configuration: Configuration) throws(MailSiteError) {
    for key in [ListParameter.smtpdForbiddenCommands, .smtpdNoopCommands] {
      let odd = configuration[key].first { $0.contains(":") && $0 != oddCommandPattern }
      guard let odd else { continue }
      throw MailSiteError(
        description: "\(key.declaration.name): \"\(odd)\": expected words; of tables only the "
          + "one in the default is understood, \(oddCommandPattern)")
    }
  }

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

  /// Whether `debug_peer_list` names anybody.
  package var hasDebugPeers: Bool { !debugPeers.isEmpty }

  /// Whether the dialogue with a client is to be logged. A table that does not answer names nobody.
  package func isDebugPeer(_ address: IPAddress, name: String) async -> Bool {
    let hostname = name == "unknown" ? nil : name
    do throws(LookupError) {
      return try await debugPeers.contains(address, hostname: hostname)
    } catch {
      return false
    }
  }
}
