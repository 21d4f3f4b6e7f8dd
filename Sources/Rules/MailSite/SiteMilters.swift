package import Configuration
import LookupTables
package import MailTypes
package import MilterCore
package import Primitives
import Routing

/// The milters of a listener, and what they are told of this site.
package struct SiteMilters: Sendable {
  private let configuration: Configuration
  private let usual: [MilterService]
  private let maps: TableSet
  private let router: Router
  /// The macros for each stage.
  package let macros: [MilterStage: [String]]
  /// Values of macros that are always the same, by name without braces.
  package let constants: [String: [UInt8]]
  /// Values of macros that have no other (`milter_macro_defaults`), likewise.
  package let defaults: [String: [UInt8]]

  /// What the configuration says; `nil` when no mail of the listener is looked at.
  ///
  /// - Throws: what in it makes no sense.
  init?(_ site: MailSite) throws(MailSiteError) {
    let configuration = site.configuration
    let usual = try MilterService.list(
      configuration[.smtpdMilters], of: "smtpd_milters", configuration)
    let maps = try MailSite.opening(.smtpdMilterMaps) { () throws(LookupError) in
      try TableSet(configuration[.smtpdMilterMaps], opener: site.opener)
    }
    guard !usual.isEmpty || !maps.isEmpty,
      try !ReceiveOverrides(configuration).contains(.noMilters)
    else { return nil }
    self.configuration = configuration
    self.usual = usual
    self.maps = maps
    router = site.router
    macros = [
      .connect: configuration[.milterConnectMacros], .helo: configuration[.milterHeloMacros],
      .mail: configuration[.milterMailMacros], .recipient: configuration[.milterRcptMacros],
      .data: configuration[.milterDataMacros],
      .endOfHeader: configuration[.milterEndOfHeaderMacros],
      .endOfMessage: configuration[.milterEndOfDataMacros],
    ]
    constants = [
      "j": Array(configuration[.myhostname].utf8),
      "v": Array(configuration[.milterMacroV].utf8),
      "daemon_name": Array(configuration[.milterMacroDaemonName].utf8),
    ]
    defaults = try Self.defaults(configuration[.milterMacroDefaults])
  }

  private static func defaults(
    _ words: [String]
  ) throws(MailSiteError) -> [String: [UInt8]] {
    var defaults: [String: [UInt8]] = [:]
    for word in words {
      let text = BracedWords.group(Array(word.utf8)) ?? Array(word.utf8)
      guard let sign = text.firstIndex(of: UInt8(ascii: "=")) else {
        throw MailSiteError(
          description: "milter_macro_defaults: \"\(word)\": expected name=value")
      }
      let name = String(decoding: ASCII.trimmed(text[..<sign]), as: UTF8.self)
      defaults[bareName(name)] = Array(ASCII.trimmed(text[(sign + 1)...]))
    }
    return defaults
  }

  /// A macro's name without the braces that may stand around it.
  package static func bareName(_ name: String) -> String {
    name.hasPrefix("{") && name.hasSuffix("}") ? String(name.dropFirst().dropLast()) : name
  }

  /// The most milters that `smtpd_milter_maps` may give a client, unless `smtpd_milters` has more.
  private static let mappedMax = 8

  /// The most milters that a session may have to do with: each is a descriptor more.
  package static func countMax(_ configuration: Configuration) -> Int {
    let usual = configuration[.smtpdMilters].count
    return configuration[.smtpdMilterMaps].isEmpty ? usual : max(usual, mappedMax)
  }

  /// The milters of a client.
  ///
  /// - Throws: a sentence that says which table does not answer, or what it says wrongly.
  package func services(
    for client: IPAddress
  ) async throws(MailSiteError) -> [MilterService] {
    guard !maps.isEmpty else { return usual }
    let value: [UInt8]?
    do throws(LookupError) {
      value = try await maps.find(Array("\(client)".utf8))?.value
    } catch {
      throw MailSiteError(description: "smtpd_milter_maps: \(error)")
    }
    guard let value else { return usual }
    let text = String(decoding: ASCII.trimmed(value), as: UTF8.self)
    guard text.lowercased() != "disable" else { return [] }
    let words: [String]
    do throws(ConfigurationError) {
      words = try ListSyntax.items(text)
    } catch {
      throw MailSiteError(description: "smtpd_milter_maps: \(error)")
    }
    let most = Self.countMax(configuration)
    guard words.count <= most else {
      throw MailSiteError(
        description: "smtpd_milter_maps: \(words.count) milters for \(client) are more than the "
          + "\(most) that a session may have")
    }
    return try MilterService.list(words, of: "smtpd_milter_maps", configuration)
  }

  /// What happens to mail whose milters are not known (`milter_default_action`).
  package var defaultAction: MilterDefaultAction {
    MilterDefaultAction(rawValue: configuration[.milterDefaultAction].rawValue) ?? .tempfail
  }

  /// Transport and next hop of an address, for macros; `nil` when a table does not answer.
  package func route(
    of address: MailAddress
  ) async -> (address: MailAddress, transport: String, nextHop: String)? {
    guard let route = try? await router.resolve(address) else { return nil }
    return (route.recipient, route.transport, route.nextHop)
  }
}

extension MailSite {
  /// The milters of the configuration; `nil` for none.
  ///
  /// - Throws: what in it makes no sense.
  package var milters: SiteMilters? {
    get throws(MailSiteError) { try SiteMilters(self) }
  }
}
