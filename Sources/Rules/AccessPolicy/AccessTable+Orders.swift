import LookupTables
import MailTypes
import Primitives

/// The actions of access tables that are about a message which is accepted.
extension AccessTable {
  /// Notes an order of the table; one that makes no sense is reported and not carried out.
  func note(_ action: AccessAction, _ key: [UInt8], _ evaluation: inout Evaluation) {
    if let name = action.nameOfOrder, evaluation.subject == .etrn {
      return warn(": action \(name) is unavailable in smtpd_etrn_restrictions", &evaluation)
    }
    if let name = action.nameOfOrder, evaluation.isBeforeMail {
      return warn(
        ": with smtpd_delay_reject=no, action \(name) is always skipped in Client host or Helo "
          + "command restrictions", &evaluation)
    }
    let entry = " entry \"\(String(decoding: key, as: UTF8.self))\""
    switch action {
    case .discard(let text):
      log(.discard, text.isEmpty ? "triggers DISCARD action" : text, &evaluation)
      evaluation.verdict.orders.discards = true
    case .hold(let text):
      log(.hold, text.isEmpty ? "triggers HOLD action" : text, &evaluation)
      evaluation.verdict.orders.holds = true
    case .filter(""): warn("\(entry) has FILTER entry without value", &evaluation)
    case .filter(let text):
      guard text.contains(":") else {
        return warn("\(entry) requires transport:destination", &evaluation)
      }
      log(.filter, "triggers FILTER \(text)", &evaluation)
      evaluation.verdict.orders.filter = text
    case .redirect(let text):
      guard let address = Self.target(text) else {
        return warn("\(entry) requires user@domain target", &evaluation)
      }
      log(.redirect, "triggers REDIRECT \(text)", &evaluation)
      evaluation.verdict.orders.redirect = address
    case .copy(let text):
      guard let address = Self.target(text) else {
        return warn("\(entry) requires user@domain target", &evaluation)
      }
      log(.bcc, "triggers BCC \(text)", &evaluation)
      copy(to: address, &evaluation)
    case .prepend(let field): prepend(field, entry, &evaluation)
    case .permit, .undecided, .refuse, .deferIfPermit, .deferIfReject, .warn, .info, .hangUp,
      .restrictions:
      preconditionFailure("no order about a message")
    }
  }

  private func copy(to address: MailAddress, _ evaluation: inout Evaluation) {
    let copies = evaluation.verdict.orders.copies
    guard copies.count < MessageOrders.copiesMax else {
      return warn(
        ": action BCC asks for more than \(MessageOrders.copiesMax) copies of a message",
        &evaluation)
    }
    if !copies.contains(address) { evaluation.verdict.orders.copies.append(address) }
  }

  private func prepend(_ field: [UInt8], _ entry: String, _ evaluation: inout Evaluation) {
    let fields = evaluation.verdict.orders.prependedFields
    if evaluation.isAtEndOfData {
      warn(": action PREPEND must be used before smtpd_end_of_data_restrictions", &evaluation)
    } else if !Self.isHeaderField(field) {
      warn("\(entry) requires header: text", &evaluation)
    } else if fields.reduce(field.count, { $0 + $1.count }) > MessageOrders.prependedSizeMax {
      warn(
        ": action PREPEND adds more than \(MessageOrders.prependedSizeMax) bytes to a message",
        &evaluation)
    } else {
      evaluation.verdict.orders.prependedFields.append(field)
    }
  }

  /// Whether the text is a field name, a colon and a body without control characters.
  private static func isHeaderField(_ text: [UInt8]) -> Bool {
    let name = text.prefix { $0 > ASCII.space && $0 < 0x7f && $0 != UInt8(ascii: ":") }
    guard !name.isEmpty, name.endIndex < text.count, text[name.endIndex] == UInt8(ascii: ":")
    else { return false }
    return text[name.endIndex...].allSatisfy { $0 >= ASCII.space && $0 != 0x7f || $0 == ASCII.tab }
  }

  /// The address that a table names.
  private static func target(_ text: String) -> MailAddress? {
    text.utf8.contains(UInt8(ascii: "@")) ? MailAddress(text) : nil
  }

  private func log(_ kind: AccessNotice.Kind, _ what: String, _ evaluation: inout Evaluation) {
    let name = subject.name(in: evaluation.request)
    evaluation.verdict.notices.append(
      AccessNotice(kind, "<\(name)>: \(subject.title) \(what)"))
  }

  private func warn(_ fault: String, _ evaluation: inout Evaluation) {
    evaluation.verdict.notices.append(AccessNotice(.fault, "access table \(table.name)\(fault)"))
  }
}

extension AccessAction {
  /// The name of an action that needs a message.
  fileprivate var nameOfOrder: String? {
    switch self {
    case .discard: "DISCARD"
    case .hold: "HOLD"
    case .filter: "FILTER"
    case .redirect: "REDIRECT"
    case .copy: "BCC"
    case .prepend: "PREPEND"
    default: nil
    }
  }
}
