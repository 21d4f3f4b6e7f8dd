import Configuration
package import MilterCore
import Primitives

/// A milter as the configuration names it, and how to speak with it.
package struct MilterService: Sendable {
  /// Where it listens.
  package enum Place: Hashable, Sendable {
    /// A Unix socket; the whole path.
    case path(String)
    /// A host, by name or address, and a port.
    case host(String, port: String)
  }

  /// `inet:host:port` or `unix:path`, for logs.
  package let name: String
  /// Where it listens.
  package let place: Place
  /// `milter_connect_timeout`.
  package var connectTimeout: Duration
  /// `milter_command_timeout`.
  package var commandTimeout: Duration
  /// `milter_content_timeout`.
  package var contentTimeout: Duration
  /// `milter_time_limit`.
  package var timeLimit: Duration
  /// `milter_edit_limit`.
  package var editLimit: Int
  /// `milter_default_action`.
  package var defaultAction: MilterDefaultAction
  /// `milter_protocol`.
  package var offer: MilterProtocol

  /// Reads one word of a list: a place, or a group of a place and settings.
  ///
  /// - Throws: what in it makes no sense, behind the name of `parameter`.
  init(
    _ word: String, of parameter: String, _ configuration: Configuration
  ) throws(MailSiteError) {
    var words = [word]
    if let group = BracedWords.group(Array(word.utf8)) {
      words =
        (try? ListSyntax.items(String(decoding: group, as: UTF8.self))) ?? []
    }
    let name = words.first ?? ""
    guard let place = Self.place(name, configuration) else {
      throw MailSiteError(
        description: "\(parameter): \"\(word)\": expected inet:host:port or unix:path, or in "
          + "braces one of them with settings behind it")
    }
    self.name = name
    self.place = place
    connectTimeout = configuration[.milterConnectTimeout]
    commandTimeout = configuration[.milterCommandTimeout]
    contentTimeout = configuration[.milterContentTimeout]
    timeLimit = configuration[.milterTimeLimit]
    editLimit = configuration[.milterEditLimit]
    let action = configuration[.milterDefaultAction].rawValue
    let version = UInt32(configuration[.milterProtocol].rawValue) ?? 0
    guard let defaultAction = MilterDefaultAction(rawValue: action),
      let offer = MilterProtocol(version: version)
    else { preconditionFailure("the words of a choice mean something") }
    self.defaultAction = defaultAction
    self.offer = offer
    for setting in words.dropFirst() where !apply(setting) {
      throw MailSiteError(
        description: "\(parameter): \(name): \"\(setting)\" is no setting of a milter: expected "
          + "connect_timeout, command_timeout or content_timeout with a time, default_action or "
          + "protocol")
    }
  }

  /// Reads the words of a list.
  ///
  /// - Throws: as for one.
  static func list(
    _ words: [String], of parameter: String, _ configuration: Configuration
  ) throws(MailSiteError) -> [MilterService] {
    var services: [MilterService] = []
    for word in words {
      services.append(try MilterService(word, of: parameter, configuration))
    }
    return services
  }

  private static func place(_ text: String, _ configuration: Configuration) -> Place? {
    if text.hasPrefix("unix:") {
      return configuration.socketPath(text).map { .path($0) }
    }
    guard text.hasPrefix("inet:") else { return nil }
    let rest = text.dropFirst("inet:".count)
    guard let colon = rest.lastIndex(of: ":") else { return nil }
    var host = rest[..<colon]
    let port = rest[rest.index(after: colon)...]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty, !port.isEmpty else { return nil }
    // Anything else is the name of a service.
    if port.utf8.allSatisfy(ASCII.isDigit) {
      guard let number = UInt16(port), number > 0 else { return nil }
    }
    return .host(String(host), port: String(port))
  }

  private mutating func apply(_ setting: String) -> Bool {
    let bytes = BracedWords.group(Array(setting.utf8)) ?? Array(setting.utf8)
    guard let sign = bytes.firstIndex(of: UInt8(ascii: "=")) else { return false }
    let name = String(decoding: ASCII.trimmed(bytes[..<sign]), as: UTF8.self)
    let value = String(decoding: ASCII.trimmed(bytes[(sign + 1)...]), as: UTF8.self)
    func duration() -> Duration? {
      TimeUnit.duration(value, unit: .seconds).flatMap { $0 > .zero ? $0 : nil }
    }
    switch name {
    case "connect_timeout": return duration().map { connectTimeout = $0 } != nil
    case "command_timeout": return duration().map { commandTimeout = $0 } != nil
    case "content_timeout": return duration().map { contentTimeout = $0 } != nil
    case "default_action":
      return MilterDefaultAction(rawValue: value).map { defaultAction = $0 } != nil
    case "protocol":
      return UInt32(value).flatMap(MilterProtocol.init).map { offer = $0 } != nil
    default: return false
    }
  }
}
