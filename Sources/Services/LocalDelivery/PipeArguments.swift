package import MailTypes
import Primitives

/// How pipe(8) shows addresses to a command.
package struct PipeSpelling: OptionSet, Sendable {
  /// The options as bits.
  package let rawValue: UInt8

  /// Makes a spelling of bits.
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Domains in lower case (`h`).
  package static let foldsDomain = PipeSpelling(rawValue: 1)
  /// Local parts of recipients in lower case (`u`).
  package static let foldsLocalPart = PipeSpelling(rawValue: 2)
  /// Local parts in quotes where they need them (`q`).
  package static let quotes = PipeSpelling(rawValue: 4)
}

/// What the macros in the arguments of a pipe service stand for.
package struct PipeArguments: Sendable {
  /// A recipient as the envelope has it.
  package struct Recipient: Sendable {
    /// Where the mail goes.
    package var address: MailAddress
    /// The address before rewriting.
    package var original: MailAddress

    /// Names a recipient.
    package init(address: MailAddress, original: MailAddress) {
      self.address = address
      self.original = original
    }
  }

  /// Macros that mean the message, whoever gets it, by name.
  package var common: [String: [UInt8]] = [:]
  /// Who gets it.
  package var recipients: [Recipient]
  /// How addresses are shown.
  package var spelling: PipeSpelling
  /// `recipient_delimiter`.
  package var delimiters: String

  private static let ofRecipients: Set = [
    "recipient", "original_recipient", "user", "extension", "mailbox", "domain",
  ]

  /// Makes the macros of a message.
  package init(
    sender: MailAddress, nullSender: String, nextHop: String, queueID: String, size: UInt64,
    recipients: [Recipient], spelling: PipeSpelling, delimiters: String
  ) {
    self.recipients = recipients
    self.spelling = spelling
    self.delimiters = delimiters
    let shown = sender.isNull ? MailAddress(nullSender) : sender
    common["sender"] = shown.isNull ? [] : spell(shown, isRecipient: false)
    common["nexthop"] = fold(Array(nextHop.utf8), .foldsDomain)
    common["queue_id"] = Array(queueID.utf8)
    common["size"] = Array("\(size)".utf8)
  }

  /// The arguments with their macros replaced; one that names a recipient becomes one for each of
  /// them. An unknown macro is an error, whose name is thrown.
  package func expand(_ arguments: [String]) throws(PipeService.Flaw) -> [String] {
    var expanded: [String] = []
    for argument in arguments {
      let pieces = try Self.pieces(of: argument)
      let isForEach = pieces.contains {
        if case .macro(let name) = $0 { Self.ofRecipients.contains(name) } else { false }
      }
      for recipient in isForEach ? recipients[...] : recipients.prefix(1) {
        var text: [UInt8] = []
        for piece in pieces {
          switch piece {
          case .text(let bytes): text += bytes
          case .macro(let name): text += try value(of: name, for: recipient)
          }
        }
        // Nothing behind a zero byte would reach the command.
        guard !text.contains(0) else {
          throw PipeService.Flaw(description: "argv=: an address has a zero byte")
        }
        expanded.append(String(decoding: text, as: UTF8.self))
      }
    }
    return expanded
  }

  private enum Piece {
    case text([UInt8])
    case macro(String)
  }

  /// Takes an argument apart: `${name}`, `$name`, `$(name)`, and `$$` for a dollar sign.
  private static func pieces(of argument: String) throws(PipeService.Flaw) -> [Piece] {
    var pieces: [Piece] = []
    var rest = Array(argument.utf8)[...]
    while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
      pieces.append(.text(Array(rest[..<dollar])))
      rest = rest[(dollar + 1)...]
      switch rest.first {
      case UInt8(ascii: "$"):
        pieces.append(.text([UInt8(ascii: "$")]))
        rest = rest.dropFirst()
      case UInt8(ascii: "{"), UInt8(ascii: "("):
        let close = rest.first == UInt8(ascii: "{") ? UInt8(ascii: "}") : UInt8(ascii: ")")
        guard let end = rest.firstIndex(of: close) else {
          throw PipeService.Flaw(description: "argv=: a brace has no partner in \(argument)")
        }
        pieces.append(.macro(String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)))
        rest = rest[(end + 1)...]
      default:
        let name = rest.prefix { isNameByte($0) }
        guard !name.isEmpty else {
          throw PipeService.Flaw(description: "argv=: no name follows a $ in \(argument)")
        }
        pieces.append(.macro(String(decoding: name, as: UTF8.self)))
        rest = rest.dropFirst(name.count)
      }
    }
    pieces.append(.text(Array(rest)))
    return pieces
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    ASCII.isDigit(byte) || byte == UInt8(ascii: "_")
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(ASCII.lowercased(byte))
  }

  private func value(
    of name: String, for recipient: Recipient
  ) throws(PipeService.Flaw) -> [UInt8] {
    let address = recipient.address
    switch name {
    case "recipient": return spell(address, isRecipient: true)
    case "original_recipient": return spell(recipient.original, isRecipient: true)
    case "domain": return fold(Array(address.domain), .foldsDomain)
    case "mailbox": return fold(address.mailboxName, .foldsLocalPart)
    case "user":
      let bare = address.withoutExtension(delimiters: delimiters) ?? address
      return fold(bare.mailboxName, .foldsLocalPart)
    case "extension":
      guard let bare = address.withoutExtension(delimiters: delimiters) else { return [] }
      return fold(
        Array(address.mailboxName.dropFirst(bare.mailboxName.count + 1)), .foldsLocalPart)
    default:
      guard let value = common[name] else {
        throw PipeService.Flaw(description: "argv=: unknown macro \(name)")
      }
      return value
    }
  }

  private func fold(_ bytes: [UInt8], _ part: PipeSpelling) -> [UInt8] {
    spelling.contains(part) ? bytes.map(ASCII.lowercased) : bytes
  }

  /// An address in one argument; a sender is never folded.
  private func spell(_ address: MailAddress, isRecipient: Bool) -> [UInt8] {
    var local = spelling.contains(.quotes) ? Array(address.localPart) : address.mailboxName
    if isRecipient { local = fold(local, .foldsLocalPart) }
    guard address.atIndex != nil else { return local }
    let domain = Array(address.domain)
    return local + [UInt8(ascii: "@")] + (isRecipient ? fold(domain, .foldsDomain) : domain)
  }
}

extension MailAddress {
  /// The local part without quotes.
  fileprivate var mailboxName: [UInt8] { LocalPart.meaning(of: localPart) }
}
