import LookupTables

/// The restrictions of one parameter in their order.
package struct RestrictionList: Sendable {
  /// The lists that a configuration has.
  package enum Name: Int, CaseIterable, Sendable {
    /// `smtpd_client_restrictions`
    case client
    /// `smtpd_helo_restrictions`
    case helo
    /// `smtpd_sender_restrictions`
    case sender
    /// `smtpd_relay_restrictions`
    case relay
    /// `smtpd_recipient_restrictions`
    case recipient
    /// `smtpd_data_restrictions`
    case data
    /// `smtpd_end_of_data_restrictions`
    case endOfData
    /// `smtpd_etrn_restrictions`
    case etrn

    /// The parameter.
    package var parameter: String {
      "smtpd_\(self == .endOfData ? "end_of_data" : "\(self)")_restrictions"
    }

    var index: Int { rawValue }

    /// What the list is about.
    var subject: AccessSubject {
      switch self {
      case .client: .client
      case .helo: .helo
      case .sender: .sender
      case .relay, .recipient: .recipient
      case .data: .data
      case .endOfData: .endOfData
      case .etrn: .etrn
      }
    }
  }

  let restrictions: [any Restriction]
  let warnings: [AccessWarning]
}

/// Something in a list that is not used as it stands.
package struct AccessWarning: Hashable, Sendable, CustomStringConvertible {
  /// The parameter that holds the list.
  package let parameter: String
  /// What is wrong and what that means.
  package let message: String

  /// `parameter: message`.
  package var description: String { "\(parameter): \(message)" }
}

/// Reads the words of restriction lists.
struct RestrictionParser {
  /// The parameter whose words are read.
  let parameter: String
  /// The names of restriction classes.
  let classes: Set<String>
  /// Opens the tables that words name; `nil` where none may be named.
  let tables: TableCache?

  /// Reads a list about a subject.
  ///
  /// Throws `unknownRestriction`, `badArgument` or `badTable`.
  func parse(
    _ words: [String], subject: AccessSubject
  ) throws(AccessError) -> RestrictionList {
    var reader = Reader(parser: self, words: words[...], subject: subject)
    var restrictions: [any Restriction] = []
    while let restriction = try reader.next() {
      restrictions.append(restriction)
      if restriction is Permit, let ignored = reader.words.first {
        reader.warnings.append("restriction \"\(ignored)\" after \"permit\" is ignored")
        break
      }
    }
    return RestrictionList(
      restrictions: restrictions,
      warnings: reader.warnings.map { AccessWarning(parameter: parameter, message: $0) })
  }

  private struct Reader {
    let parser: RestrictionParser
    var words: ArraySlice<String>
    let subject: AccessSubject
    var warnings: [String] = []

    mutating func next() throws(AccessError) -> (any Restriction)? {
      guard let word = words.popFirst() else { return nil }
      if let verb = RestrictionVerb.find(word.lowercased()) {
        return try restriction(verb, word)
      }
      if parser.classes.contains(word) { return RestrictionClass(name: word) }
      guard TableOpener.isTable(word) else {
        throw .unknownRestriction(parameter: parser.parameter, word: word)
      }
      guard subject.hasTables else { return MisplacedTable(table: word) }
      return AccessTable(table: try table(word, after: word), subject: subject)
    }

    private mutating func restriction(
      _ verb: RestrictionVerb, _ word: String
    ) throws(AccessError) -> (any Restriction)? {
      switch verb {
      case .plain(let restriction): return restriction
      case .warnIfReject: return try next().map { WarnIfReject(inner: $0) }
      case .table(let subject):
        return AccessTable(table: try table(words.popFirst(), after: word), subject: subject)
      case .certificateTable:
        let (name, keys) = try CertificateKey.argument(words.popFirst() ?? "") {
          AccessError.badArgument(parameter: parser.parameter, word: word, expected: $0)
        }
        return AccessTable(
          table: try table(name, after: word), subject: .certificate, certificateKeys: keys)
      case .sleep:
        guard let seconds = words.popFirst().flatMap({ Int32($0) }), seconds >= 0 else {
          throw .badArgument(
            parameter: parser.parameter, word: word, expected: "a number of seconds")
        }
        return Sleep(duration: .seconds(Int64(seconds)))
      case .notYet(let hasArgument):
        var name = word
        if hasArgument {
          guard let argument = words.popFirst() else {
            throw .badArgument(
              parameter: parser.parameter, word: word, expected: "what it is to ask")
          }
          name += " \(argument)"
        }
        warnings.append(
          word.lowercased().hasPrefix("permit")
            ? "\(name): it is not implemented yet; ignoring it is safe, since it permits nobody"
            : "\(name): it is not implemented yet; "
              + "ignoring it may weaken the protection of this system")
        return NotYet()
      }
    }

    private mutating func table(
      _ name: String?, after word: String
    ) throws(AccessError) -> any LookupTable {
      guard let name, name.contains(":"), let tables = parser.tables else {
        throw .badArgument(parameter: parser.parameter, word: word, expected: "type:table")
      }
      let table: any LookupTable
      do throws(LookupError) {
        table = try tables.open(name)
      } catch {
        throw .badTable(parameter: parser.parameter, reason: "\(error)")
      }
      return table
    }
  }
}

/// Opens each table once, whatever number of lists name it.
final class TableCache {
  private let opener: TableOpener
  private var tables: [String: any LookupTable] = [:]

  init(_ opener: TableOpener) { self.opener = opener }

  func open(_ name: String) throws(LookupError) -> any LookupTable {
    if let table = tables[name] { return table }
    let table = try opener.open(name)
    tables[name] = table
    return table
  }
}
