import MailTypes
import MilterCore
import Primitives
import QueueFormat
import QueueStore
import Reactor
import SMTPGrammar
import SMTPServerCore

/// Why a wish is not carried out.
enum EditTrouble: Error {
  /// It cannot be granted: the milter is at fault.
  case fault(MilterFault)
  /// There is no room for it, or the spool did not take it.
  case spool(SpoolError)
  /// The message would be too large.
  case tooBig

  /// The reply to the message; `nil` where the milter's default action decides.
  var refusal: SMTPReply? {
    switch self {
    case .fault: nil
    case .spool(let error): SMTPReply(refusing: error)
    case .tooBig: .messageTooBig
    }
  }
}

/// A message while milters look at it: what they see of it, and what they want changed.
///
/// The wishes of one milter come true together, once it has said that the message may pass: of one
/// that fails in the middle none does.
@ReactorActor
final class MessageEdits {
  /// Bytes of an address that a milter names; RFC 5321 4.5.3.1 knows 320.
  private static let addressLengthMax = 1000
  /// Recipients that milters may add to a message.
  private static let addedRecipientsMax = 10_000

  /// The message.
  let content: InboundMessage
  /// The envelope as it stands.
  private(set) var envelope: Envelope
  /// The header as it stands.
  private(set) var header: MilterHeader
  /// Whether it is to enter the queue on hold.
  private(set) var holds = false

  private let sizeMax: Int
  private let intake: Intake
  private let take: (_ bytes: Int) -> Bool
  private var addedRecipients = 0
  /// Bytes taken for the body that the milter at hand puts in.
  private var bodyBytes = 0
  private var bodySteps = 0
  /// What the milter at hand wants.
  private var wanted: Wishes

  private struct Wishes {
    var envelope: Envelope
    var header: MilterHeader
    /// Recipients, once they are changed.
    var recipients: RecipientEdits?
    var holds = false
    var body: ReplacementBody?
  }

  /// What the changes so far have cost, in fields that were passed; 16 bytes of a body are one.
  var steps: Int { wanted.header.steps + bodySteps }

  /// - Parameters:
  ///   - sizeMax: `message_size_limit`, for bodies that milters put in; 0 for none.
  ///   - take: takes so many bytes of memory, or says that there is no room; fewer than none are
  ///     given back. Those that were taken are given back with the message.
  init(
    _ content: InboundMessage, _ envelope: Envelope, sizeMax: Int, intake: Intake,
    taking take: @escaping (_ bytes: Int) -> Bool
  ) {
    self.take = take
    self.content = content
    self.envelope = envelope
    self.sizeMax = sizeMax
    self.intake = intake
    header = content.headerForMilters
    wanted = Wishes(envelope: envelope, header: header)
  }

  /// The next milter begins.
  func begin() {
    wanted = Wishes(envelope: envelope, header: header)
    _ = take(-bodyBytes)
    bodyBytes = 0
  }

  /// Notes a wish.
  ///
  /// - Throws: why it will not be done.
  func note(_ edit: MilterEdit, keepingSpace: Bool) async throws(EditTrouble) {
    guard take(Self.bytes(of: edit)) else { throw .spool(.noSpace) }
    do throws(MilterFault) {
      switch edit {
      case .addHeader(let name, let value):
        try wanted.header.add(name, value, keepingSpace: keepingSpace)
      case .insertHeader(let index, let name, let value):
        try wanted.header.insert(at: index, name, value, keepingSpace: keepingSpace)
      case .changeHeader(let index, let name, let value):
        try wanted.header.change(index, name, value, keepingSpace: keepingSpace)
      case .changeSender(let path): wanted.envelope.sender = try Self.address(path, "e")
      case .addRecipient(let path, _): try add(try Self.address(path, "+"))
      case .deleteRecipient(let path): delete(try Self.address(path, "-"))
      case .quarantine: wanted.holds = true
      case .replaceBody: break
      }
    } catch {
      throw .fault(error)
    }
    guard case .replaceBody(let part) = edit else { return }
    let body = wanted.body ?? ReplacementBody(intake: intake)
    wanted.body = body
    guard sizeMax == 0 || wanted.header.size + body.size + part.count <= sizeMax else {
      throw .tooBig
    }
    bodyBytes += part.count
    bodySteps += part.count / 16
    do throws(SpoolError) {
      try await body.append(part)
    } catch {
      throw .spool(error)
    }
    let gone = max(bodyBytes - body.held, 0)
    bodyBytes -= gone
    _ = take(-gone)
  }

  /// Bytes that a change takes until the message is done.
  private static func bytes(of edit: MilterEdit) -> Int {
    switch edit {
    case .addHeader(let name, let value), .insertHeader(_, let name, let value),
      .changeHeader(_, let name, let value):
      MilterHeader.memory(size: name.count + value.count, fieldCount: 1)
    case .addRecipient(let path, _): 2 * (MemoryLayout<EnvelopeRecipient>.stride + path.count)
    case .changeSender(let path): path.count
    case .replaceBody(let part): part.count
    case .deleteRecipient, .quarantine: 0
    }
  }

  private static func address(
    _ path: [UInt8], _ code: Unicode.Scalar
  ) throws(MilterFault) -> MailAddress {
    let address = path.withUnsafeBytes { try? PathParser.parse($0, strict: false) }
    guard let address, address.bytes.count <= addressLengthMax else {
      throw .malformed(UInt8(ascii: code))
    }
    return address
  }

  private func add(_ address: MailAddress) throws(MilterFault) {
    addedRecipients += 1
    guard !address.isNull, addedRecipients <= Self.addedRecipientsMax else {
      throw .malformed(UInt8(ascii: "+"))
    }
    change { $0.add(address) }
  }

  private func delete(_ address: MailAddress) { change { $0.delete(address) } }

  private func change(_ change: (inout RecipientEdits) -> Void) {
    var recipients = wanted.recipients ?? RecipientEdits(wanted.envelope.recipients)
    wanted.recipients = nil
    change(&recipients)
    wanted.recipients = recipients
  }

  /// The milter lets the message pass: what it wants is done.
  func commit() async throws(SpoolError) {
    if let body = wanted.body { try await content.replaceBody(body) }
    wanted.body = nil
    header = wanted.header
    envelope = wanted.envelope
    if let recipients = wanted.recipients { envelope.recipients = recipients.recipients }
    if wanted.holds { holds = true }
  }

  /// Nothing of what the milter wants is done.
  func rollBack() async {
    let body = wanted.body
    begin()
    await body?.abandon()
  }

  /// All milters let the message pass: its header is what they made of it.
  func finish() async throws(SpoolError) {
    if header.isChanged { try await content.replaceHeader(header) }
  }
}
