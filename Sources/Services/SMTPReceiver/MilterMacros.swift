import MailSite
import MailTypes
import MilterCore
import Primitives

/// The values of macros at a moment of a session (their names are Sendmail's and Postfix's).
struct MilterMacros: Sendable {
  /// By name without braces.
  private var values: [String: [UInt8]]
  private let defaults: [String: [UInt8]]

  /// Begins with what the configuration says.
  init(_ site: SiteMilters) {
    values = site.constants
    defaults = site.defaults
  }

  /// Sets a value.
  mutating func set(_ name: String, _ value: some Sequence<UInt8>) { values[name] = Array(value) }

  /// Sets a value from text.
  mutating func set(_ name: String, _ text: String) { values[name] = Array(text.utf8) }

  /// The value of a macro, whose name may stand in braces; `nil` when it has none.
  func value(_ name: String) -> [UInt8]? {
    let bare = SiteMilters.bareName(name)
    return values[bare] ?? defaults[bare]
  }
}
