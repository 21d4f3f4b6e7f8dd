import Primitives

/// `master.cf` as text: its entries one by one, to be shown and edited.
package struct MasterFileText {
  private let editor: FileEditor
  /// The entries in the order of the file.
  package let entries: [ServiceText]

  /// Reads the text of a file; the error is that of the first entry that is none.
  package init(_ bytes: [UInt8]) throws(ConfigurationError) {
    editor = FileEditor(bytes)
    var entries: [ServiceText] = []
    for text in editor.texts { entries.append(try ServiceText(text)) }
    self.entries = entries
  }

  /// The text with an entry in place of those of its service and type, or at the end.
  package func setting(_ new: ServiceText, for key: String) -> [UInt8] {
    let isThere = entries.contains { $0.key == key }
    let text = new.text(isFolded: true)
    return edited(adding: isThere ? [] : [text]) { $0.key == key ? .replace(text) : .keep }
  }

  /// The text with some entries taken out or made comments.
  package func dropping(
    asComments: Bool, where isChosen: (ServiceText) -> Bool
  ) -> [UInt8] {
    edited { isChosen($0) ? (asComments ? .comment : .remove) : .keep }
  }

  /// The text with some entries changed; the error is that of the first change that cannot be made.
  package func changing(
    where isChosen: (ServiceText) -> Bool,
    _ change: (ServiceText) throws(ConfigurationError) -> ServiceText
  ) throws(ConfigurationError) -> [UInt8] {
    var texts: [ServiceText: String] = [:]
    for entry in entries where isChosen(entry) {
      texts[entry] = try change(entry).text(isFolded: true)
    }
    return edited { texts[$0].map { .replace($0) } ?? .keep }
  }

  private func edited(
    adding additions: [String] = [], _ decide: (ServiceText) -> FileEditor.Change
  ) -> [UInt8] {
    var rest = entries[...]
    // The editor asks entry by entry, in the order in which they were read.
    return editor.edited(adding: additions, replacingAt: .lastLine) { _ in
      rest.popFirst().map { decide($0) } ?? .keep
    }
  }
}

/// Which services, and what of them, `postconf -M`, `-F` and `-P` are asked for: parts of
/// `service/type/item`, where `*` stands for all.
package struct ServiceRequest: Sendable {
  /// The words of the request.
  package let text: String
  private let service: String
  private let type: String
  /// The field or parameter; `*` for all.
  package let item: String

  /// Reads a request.
  package init(_ text: String) {
    self.text = text
    let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    service = parts.first.map(String.init) ?? "*"
    type = parts.count > 1 ? String(parts[1]) : "*"
    item = parts.count > 2 ? String(parts[2]) : "*"
  }

  /// Whether a service is meant.
  package func matches(_ entry: ServiceText) -> Bool {
    (service == "*" || service == entry[.service]) && (type == "*" || type == entry[.type])
  }

  /// Whether a field or parameter is meant.
  package func matches(item name: String) -> Bool { item == "*" || item == name }

  /// `service/type` as it was written.
  package var key: String { "\(service)/\(type)" }
}
