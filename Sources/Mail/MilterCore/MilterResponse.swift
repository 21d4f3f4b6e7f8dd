import MailTypes
import Primitives

/// What a milter says about a stage.
enum MilterResponse: Equatable, Sendable {
  /// Go on.
  case proceed
  /// Take the message, or the session, and ask no more.
  case accept
  /// Take the message and throw it away.
  case discard
  /// Refuse it for good.
  case reject
  /// Refuse it for now.
  case temporaryFailure
  /// Refuse it with this reply.
  case reply(SMTPReply)
  /// End the connection.
  case shutdown
  /// The rest of the body is of no interest.
  case skip
  /// Still at work.
  case progress
  /// Change the message.
  case edit(MilterEdit)
}

/// A change of a message that a milter asks for at its end.
package enum MilterEdit: Equatable, Sendable {
  /// A header field behind all others.
  case addHeader(name: [UInt8], value: [UInt8])
  /// A header field at a place, counted from the top of the message with this host's own.
  case insertHeader(index: UInt32, name: [UInt8], value: [UInt8])
  /// Another value for the header field of a name, counted from 1 and without this host's own; an
  /// empty one removes it.
  case changeHeader(index: UInt32, name: [UInt8], value: [UInt8])
  /// Another sender.
  case changeSender([UInt8])
  /// One recipient more; its ESMTP parameters.
  case addRecipient([UInt8], parameters: [UInt8])
  /// A recipient less.
  case deleteRecipient([UInt8])
  /// The next part of another body, with CRLF line ends.
  case replaceBody([UInt8])
  /// The message enters the queue on hold.
  case quarantine
}

extension MilterResponse {
  /// Reads a packet.
  ///
  /// - Throws: `.malformed`; `.unexpected` for a code that no milter sends.
  init(_ packet: MilterPacket) throws(MilterFault) {
    var data = MilterDataCursor(packet)
    switch packet.code {
    case UInt8(ascii: "c"): self = .proceed
    case UInt8(ascii: "a"): self = .accept
    case UInt8(ascii: "d"): self = .discard
    case UInt8(ascii: "r"): self = .reject
    case UInt8(ascii: "t"): self = .temporaryFailure
    case UInt8(ascii: "s"): self = .skip
    case UInt8(ascii: "p"): self = .progress
    case UInt8(ascii: "4"): self = .shutdown
    case UInt8(ascii: "y"): self = try Self.reply(try data.text(), packet.code)
    case UInt8(ascii: "h"):
      self = .edit(.addHeader(name: try Self.name(&data, packet.code), value: try data.text()))
    case UInt8(ascii: "i"):
      let index = try data.number()
      let name = try Self.name(&data, packet.code)
      self = .edit(.insertHeader(index: index, name: name, value: try data.text()))
    case UInt8(ascii: "m"):
      let index = try data.number()
      let name = try Self.name(&data, packet.code)
      self = .edit(.changeHeader(index: index, name: name, value: try data.text()))
    case UInt8(ascii: "e"): self = .edit(.changeSender(try data.text()))
    case UInt8(ascii: "+"): self = .edit(.addRecipient(try data.text(), parameters: []))
    case UInt8(ascii: "2"):
      let address = try data.text()
      self = .edit(.addRecipient(address, parameters: data.isAtEnd ? [] : try data.text()))
    case UInt8(ascii: "-"): self = .edit(.deleteRecipient(try data.text()))
    case UInt8(ascii: "b"): self = .edit(.replaceBody(packet.data))
    case UInt8(ascii: "q"):
      _ = try data.text()
      self = .edit(.quarantine)
    default: throw .unexpected(packet.code)
    }
  }

  /// The name of a header field; nothing else may stand in front of its colon.
  private static func name(
    _ data: inout MilterDataCursor, _ code: UInt8
  ) throws(MilterFault) -> [UInt8] {
    let name = try data.text()
    let isName = name.allSatisfy { $0 > ASCII.space && $0 < 0x7f && $0 != UInt8(ascii: ":") }
    guard isName, !name.isEmpty else { throw .malformed(code) }
    return name
  }

  /// A reply of one or several lines; all must have the code of the first, which is 4xx or 5xx.
  private static func reply(
    _ text: [UInt8], _ packetCode: UInt8
  ) throws(MilterFault) -> MilterResponse {
    var lines: [[UInt8]] = []
    var status: EnhancedStatus?
    var code: UInt16?
    for line in text.split(separator: ASCII.lf) {
      let line = line.last == ASCII.cr ? line.dropLast() : line
      guard line.count >= 3, line.prefix(3).allSatisfy(ASCII.isDigit) else {
        throw .malformed(packetCode)
      }
      let number = line.prefix(3).reduce(UInt16(0)) { $0 * 10 + UInt16($1 - UInt8(ascii: "0")) }
      guard (400...599).contains(number), code == nil || code == number else {
        throw .malformed(packetCode)
      }
      code = number
      var rest = line.dropFirst(4)
      if let (found, length) = EnhancedStatus.parse(prefixOf: rest),
        length == rest.count || rest[rest.startIndex + length] == ASCII.space
      {
        guard UInt16(found.statusClass) == number / 100 else { throw .malformed(packetCode) }
        if status == nil { status = found }
        rest = rest.dropFirst(length).drop { $0 == ASCII.space }
      }
      lines.append(Self.unescaped(rest))
    }
    guard let code else { throw .malformed(packetCode) }
    let joined = Array(lines.joined(separator: [ASCII.lf]))
    return .reply(SMTPReply(code, status, String(decoding: joined, as: UTF8.self)))
  }
}

extension MilterResponse {
  /// Takes out the percent signs that milters write before others, since Sendmail takes the text
  /// for a format.
  private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    var isEscaped = false
    for byte in text {
      isEscaped = byte == UInt8(ascii: "%") && !isEscaped
      if !isEscaped { out.append(byte) }
    }
    return out
  }
}

extension MilterEdit {
  /// Whether it is one of the changes that are counted: a body has a limit of its own.
  package var isCounted: Bool {
    if case .replaceBody(let part) = self { part.isEmpty } else { true }
  }

  /// What must have been agreed on.
  var actions: MilterActions {
    switch self {
    case .addHeader, .insertHeader: .addHeaders
    case .changeHeader: .changeHeaders
    case .changeSender: .changeSender
    case .addRecipient(_, let parameters):
      parameters.isEmpty ? .addRecipients : .addRecipientsWithParameters
    case .deleteRecipient: .deleteRecipients
    case .replaceBody: .changeBody
    case .quarantine: .quarantine
    }
  }
}
