import MailTypes
import Primitives

/// What the value of an access table asks for (access(5)).
enum AccessAction: Equatable, Sendable {
  /// OK, or digits only.
  case permit
  /// DUNNO: as if the key were not there, and no further key is looked up.
  case undecided
  /// A refusal; `text` is `nil` where the table gives none.
  case refuse(Refusal)
  /// DEFER_IF_PERMIT.
  case deferIfPermit(Refusal)
  /// DEFER_IF_REJECT.
  case deferIfReject(Refusal)
  /// WARN with a text.
  case warn(String)
  /// INFO with a text.
  case info(String)
  /// DISCARD with a text.
  case discard(String)
  /// HANGUP with a text.
  case hangUp(String)
  /// PREPEND with a header field.
  case prepend([UInt8])
  /// HOLD with a text.
  case hold(String)
  /// FILTER with `transport:nexthop`.
  case filter(String)
  /// REDIRECT with an address.
  case redirect(String)
  /// BCC with an address.
  case copy(String)
  /// The words of restrictions.
  case restrictions([String])

  /// The parts of a reply that a table may give.
  struct Refusal: Equatable, Sendable {
    /// What fills in the code where the table gives none.
    enum Code: Equatable, Sendable {
      case given(UInt16), accessMapReject, accessMapDefer
    }

    let code: Code
    let status: EnhancedStatus?
    let text: String
  }

  /// Reads the value of a table.
  init(_ value: [UInt8]) {
    let word = value.prefix { $0 != ASCII.space && $0 != ASCII.tab }
    let rest = value[word.endIndex...].drop { $0 == ASCII.space || $0 == ASCII.tab }
    let text = String(decoding: rest, as: UTF8.self)
    let name = String(decoding: word.map(ASCII.lowercased), as: UTF8.self)
    switch name {
    case "ok": self = .permit
    case "dunno": self = .undecided
    case "reject": self = .refuse(Refusal(.accessMapReject, rest, "Access denied"))
    case "defer": self = .refuse(Refusal(.accessMapDefer, rest, "Access denied"))
    case "defer_if_permit":
      self = .deferIfPermit(Refusal(.accessMapDefer, rest, "Service unavailable"))
    case "defer_if_reject":
      self = .deferIfReject(Refusal(.accessMapDefer, rest, "Service unavailable"))
    case "warn": self = .warn(text)
    case "info": self = .info(text)
    case "discard": self = .discard(text)
    case "hangup": self = .hangUp(text)
    case "prepend": self = .prepend(Array(rest))
    case "hold": self = .hold(text)
    case "filter": self = .filter(text)
    case "redirect": self = .redirect(text)
    case "bcc": self = .copy(text)
    default: self = Self.other(word, rest, value)
    }
  }

  private static func other(
    _ word: ArraySlice<UInt8>, _ rest: ArraySlice<UInt8>, _ value: [UInt8]
  ) -> AccessAction {
    if value.allSatisfy(ASCII.isDigit) { return .permit }
    let isCode =
      word.count == 3 && word.allSatisfy(ASCII.isDigit)
      && (word.first == UInt8(ascii: "4") || word.first == UInt8(ascii: "5"))
    if isCode, !rest.isEmpty {
      let code = word.reduce(UInt16(0)) { $0 * 10 + UInt16($1 - UInt8(ascii: "0")) }
      return .refuse(Refusal(.given(code), rest, ""))
    }
    let words = value.split { $0 == ASCII.space || $0 == ASCII.tab || $0 == UInt8(ascii: ",") }
    return .restrictions(words.map { String(decoding: $0, as: UTF8.self) })
  }
}

extension AccessAction.Refusal {
  /// Reads an enhanced status and a text; `fallback` is the text where there is none.
  fileprivate init(_ code: Code, _ rest: ArraySlice<UInt8>, _ fallback: String) {
    var text = rest
    var status: EnhancedStatus?
    if let (found, length) = EnhancedStatus.parse(prefixOf: rest),
      length == rest.count || rest[rest.startIndex + length] == ASCII.space
    {
      status = found
      text = rest.dropFirst(length).drop { $0 == ASCII.space || $0 == ASCII.tab }
    }
    self.code = code
    self.status = status
    self.text = text.isEmpty ? fallback : String(decoding: text, as: UTF8.self)
  }

  /// The reply about a subject.
  ///
  /// An enhanced status that is about addresses says which of the two it means, and is replaced
  /// where the subject is no address; its class follows the code.
  func reply(about subject: AccessSubject, in evaluation: Evaluation) -> SMTPReply {
    let codes = evaluation.rules.settings.codes
    let number: UInt16 =
      switch code {
      case .given(let number): number
      case .accessMapReject: codes.accessMap
      case .accessMapDefer: codes.accessMapDefer
      }
    let fitting = (status ?? EnhancedStatus(5, 7, 1)).fitting(code: number, about: subject)
    return evaluation.reply(number, fitting, about: subject, text)
  }
}
