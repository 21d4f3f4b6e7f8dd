import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import ServiceKit
import SystemPackage

/// Why a recipient gets nothing in this attempt.
struct NoDelivery: Error {
  let verdict: LocalVerdict
  /// What the administrator should know beside.
  var warning: String?
  /// Whether the mail can be given back as if it had never been asked for.
  var isUntried = false
}

/// The record of a message in its segment. Everything here blocks.
struct RecordSource: Sendable {
  let request: DeliveryRequest
  let segment: SharedDescriptor

  /// The record's lead, compared with the request (spool rule R14).
  func lead() throws(NoDelivery) -> RecordLead {
    let lead: RecordLead
    do {
      let bytes = try Files.read(
        segment.raw, count: RecordLead.size, at: Int64(clamping: request.offset))
      lead = try bytes.withUnsafeBytes {
        try RecordLead($0, nonce: request.nonce, offset: request.offset)
      }
    } catch {
      throw NoDelivery(verdict: .unreadable("\(error)"))
    }
    guard lead.id == request.queueID, lead.isUnderstood else {
      throw NoDelivery(verdict: .unreadable("another record lies in its place"))
    }
    return lead
  }

  /// The message's envelope, for what a request does not tell.
  func envelope(_ lead: RecordLead) throws(NoDelivery) -> Envelope {
    do {
      let bytes = try Files.read(
        segment.raw, count: Int(clamping: lead.envelope.length), at: Int64(lead.envelope.offset))
      return try bytes.withUnsafeBytes { try Envelope($0) }
    } catch {
      throw NoDelivery(verdict: .unreadable("\(error)"))
    }
  }

  private static let pieceSize: UInt64 = 1 << 17

  /// A sealed copy in memory: no process of a user's ever holds a segment (spool rule R15). The
  /// header comes first.
  func copy(_ lead: RecordLead) throws(NoDelivery) -> SharedDescriptor {
    do {
      let file = try Files.memory("message")
      var end: Int64 = 0
      for part in [lead.header, lead.body] {
        var done: UInt64 = 0
        while done < part.length {
          let piece = try Files.read(
            segment.raw, count: Int(min(Self.pieceSize, part.length - done)),
            at: Int64(clamping: part.offset + done))
          guard !piece.isEmpty else {
            throw NoDelivery(verdict: .unreadable("unexpected end of file"))
          }
          try Files.writeAll(file.raw, piece, at: end)
          end += Int64(piece.count)
          done += UInt64(piece.count)
        }
      }
      try Files.seal(file.raw)
      return SharedDescriptor(file)
    } catch let error as NoDelivery {
      throw error
    } catch {
      throw NoDelivery(verdict: .unreadable("\(error)"))
    }
  }
}
