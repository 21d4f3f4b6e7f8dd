import MailTypes
import Primitives

/// The addresses in a text such as `user, Some One <one@example.org>, list: a@b, c@d;` (RFC 5322
/// 3.4), as values of tables and files of aliases have them.
///
/// What no RFC allows is read as Postfix reads it: white space between two addresses parts them,
/// and quotes or brackets that are not closed end with the text.
package struct AddressList: Sendable {
  /// The addresses, still quoted where they were and without what surrounds them; `<>` is empty.
  package private(set) var addresses: [[UInt8]] = []

  private let text: ArraySlice<UInt8>
  private var at: Int
  /// What stands since the last comma, parted by white space: addresses, or a name before `<`.
  private var words: [[UInt8]] = []
  private var isParted = true

  /// Takes a text apart.
  package init(_ text: some Collection<UInt8>) {
    self.text = Array(text)[...]
    at = 0
    while at < self.text.endIndex { step() }
    endItem()
  }

  private mutating func step() {
    let byte = text[at]
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: ";"):
      at += 1
      endItem()
    case UInt8(ascii: "("): skipComment()
    case UInt8(ascii: "<"):
      words = []
      addresses.append(bracketed())
      isParted = true
    case UInt8(ascii: ":") where endsGroupName:
      at += 1
      words = []
      isParted = true
    case UInt8(ascii: "\""): addQuoted(to: UInt8(ascii: "\""))
    case UInt8(ascii: "["): addQuoted(to: UInt8(ascii: "]"))
    case _ where ASCII.isSpace(byte):
      at += 1
      isParted = true
    default:
      at += 1
      if byte == UInt8(ascii: "\\"), at < text.endIndex {
        add([byte, text[at]])
        at += 1
      } else {
        add(CollectionOfOne(byte))
      }
    }
  }

  /// Whether the colon ends the name of a group, and is no part of an address.
  private var endsGroupName: Bool {
    guard let last = words.last, !last.contains(UInt8(ascii: "@")) else { return false }
    return at + 1 == text.endIndex || ASCII.isSpace(text[at + 1])
  }

  private mutating func add(_ bytes: some Collection<UInt8>) {
    let glues = { (byte: UInt8?) in byte == UInt8(ascii: "@") || byte == UInt8(ascii: ".") }
    if words.isEmpty || (isParted && !glues(words.last?.last) && !glues(bytes.first)) {
      words.append(Array(bytes))
    } else {
      words[words.count - 1] += bytes
    }
    isParted = false
  }

  private mutating func addQuoted(to end: UInt8) {
    let start = at
    at += 1
    while at < text.endIndex, text[at] != end {
      at += text[at] == UInt8(ascii: "\\") ? 2 : 1
    }
    at = min(at + 1, text.endIndex)
    add(text[start..<at])
  }

  private mutating func bracketed() -> [UInt8] {
    at += 1
    var address: [UInt8] = []
    var isQuoted = false
    while at < text.endIndex, isQuoted || text[at] != UInt8(ascii: ">") {
      if text[at] == UInt8(ascii: "\"") { isQuoted.toggle() }
      if text[at] == UInt8(ascii: "\\"), at + 1 < text.endIndex {
        address.append(text[at])
        at += 1
      }
      if isQuoted || !ASCII.isSpace(text[at]) { address.append(text[at]) }
      at += 1
    }
    at = min(at + 1, text.endIndex)
    return address
  }

  private mutating func skipComment() {
    var depth = 0
    repeat {
      switch text[at] {
      case UInt8(ascii: "("): depth += 1
      case UInt8(ascii: ")"): depth -= 1
      case UInt8(ascii: "\\"): at += 1
      default: break
      }
      at += 1
    } while depth > 0 && at < text.endIndex
    at = min(at, text.endIndex)
    isParted = true
  }

  private mutating func endItem() {
    addresses += words
    words = []
    isParted = true
  }
}
