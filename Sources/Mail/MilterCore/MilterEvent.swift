package import Primitives

/// What happened in a session, as milters are told.
package enum MilterEvent: Sendable {
  /// A client has connected; its port.
  case connect(name: String, address: IPAddress, port: UInt16)
  /// HELO or EHLO gave this name.
  case helo([UInt8])
  /// MAIL: the path in brackets, then the parameters.
  case mail([[UInt8]])
  /// RCPT: the path in brackets, then the parameters.
  case recipient([[UInt8]])
  /// DATA or the first BDAT.
  case data
  /// A header field: its name, and its value with LF line ends.
  case header(name: ArraySlice<UInt8>, value: [UInt8])
  /// The header has ended.
  case endOfHeader
  /// A part of the body, with CRLF line ends and without dot-stuffing; at most
  /// `bodyPartMax` bytes.
  case body(ArraySlice<UInt8>)
  /// The message has ended.
  case endOfMessage

  /// The most bytes of body in one packet.
  package static let bodyPartMax = 65_535

  /// When it is told.
  package var stage: MilterStage {
    switch self {
    case .connect: .connect
    case .helo: .helo
    case .mail: .mail
    case .recipient: .recipient
    case .data: .data
    case .header: .header
    case .endOfHeader: .endOfHeader
    case .body: .body
    case .endOfMessage: .endOfMessage
    }
  }

  /// Appends its packet.
  func append(to out: inout [UInt8], keepingLeadingSpace: Bool) {
    out.append(milterPacket: stage.rawValue) { data in
      switch self {
      case .connect(let name, let address, let port):
        data.append(milterText: name.utf8)
        data.append(UInt8(ascii: address.unmapped.family == .v4 ? "4" : "6"))
        data.append(UInt8(port >> 8))
        data.append(UInt8(port & 0xff))
        data.append(milterText: "\(address.unmapped)".utf8)
      case .helo(let text): data.append(milterText: text)
      case .mail(let words), .recipient(let words):
        for word in words { data.append(milterText: word) }
      case .header(let name, let value):
        data.append(milterText: name)
        data.append(
          milterText: value.dropFirst(!keepingLeadingSpace && value.first == ASCII.space ? 1 : 0))
      case .body(let part): data.append(contentsOf: part)
      case .data, .endOfHeader, .endOfMessage: break
      }
    }
  }
}
