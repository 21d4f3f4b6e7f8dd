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

  /// A sealed copy in memory: no process of a user's ever holds a segment (spool rule R15).
  func copy(
    _ lead: RecordLead
  ) throws(NoDelivery) -> (file: SharedDescriptor, headerLength: Int64, bodyLength: Int64) {
    do {
      let header = try Files.read(
        segment.raw, count: Int(lead.header.length), at: Int64(lead.header.offset))
      let body = try Files.read(
        segment.raw, count: Int(lead.body.length), at: Int64(lead.body.offset))
      guard header.count == Int(lead.header.length), body.count == Int(lead.body.length) else {
        throw NoDelivery(verdict: .unreadable("unexpected end of file"))
      }
      let file = try Files.sealedMemory("message", content: header + body)
      return (SharedDescriptor(file), Int64(header.count), Int64(body.count))
    } catch let error as NoDelivery {
      throw error
    } catch {
      throw NoDelivery(verdict: .unreadable("\(error)"))
    }
  }
}
