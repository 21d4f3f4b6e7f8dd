import LinuxSystem
import MailTypes
import Primitives
import QueueFormat
import Reactor
import SMTPClientCore
import ServiceKit
import SystemPackage

/// One delivery request in the hands of this process.
@ReactorActor
final class DeliveryJob {
  let request: DeliveryRequest
  private let segment: SharedDescriptor?
  private(set) var lead: RecordLead?

  /// - Parameter segment: the descriptor that `qmgr` passed, if it did.
  init(_ request: DeliveryRequest, segment: SharedDescriptor?) {
    self.request = request
    self.segment = segment
  }

  /// The segment's descriptor for `sendfile`.
  var file: SharedDescriptor? { segment }

  /// What is known of the record.
  enum Finding: Equatable {
    /// It is the one asked for.
    case loaded
    /// Why the message cannot be sent.
    case refused(String)
    /// It is not in memory.
    case onDisk
  }

  /// Reads the record's lead, if it is in memory, and compares it with the request before anything
  /// is said to a server (spool rule R14).
  func loadCached() -> Finding {
    guard let segment else { return .refused("the message's segment did not come along") }
    do throws(Errno) {
      return check(
        try Files.readCached(
          segment.raw, count: RecordLead.size, at: Int64(clamping: request.offset)))
    } catch {
      // Not all file systems can tell; what else is wrong the next reading finds.
      return .onDisk
    }
  }

  /// Reads the record's lead as `loadCached` does, from the disk.
  func load(by reader: ContentReader) async -> Finding {
    guard let segment else { return .refused("the message's segment did not come along") }
    do throws(Errno) {
      return check(
        try await reader.read(
          segment, count: RecordLead.size, at: Int64(clamping: request.offset)))
    } catch {
      return .refused("its record cannot be read: \(error)")
    }
  }

  private func check(_ bytes: [UInt8]) -> Finding {
    do {
      let lead = try bytes.withUnsafeBytes {
        try RecordLead($0, nonce: request.nonce, offset: request.offset)
      }
      guard lead.id == request.queueID else {
        return .refused("another message lies in its place")
      }
      guard lead.isUnderstood else {
        return .refused("the record is of a format that is not understood")
      }
      self.lead = lead
      return .loaded
    } catch {
      return .refused("its record cannot be read: \(error)")
    }
  }

  /// The message as the protocol core wants it; `load` has succeeded.
  var transaction: OutboundTransaction {
    guard let lead else { preconditionFailure("the record has not been loaded") }
    return OutboundTransaction(
      sender: request.sender,
      recipients: request.recipients.map {
        OutboundRecipient($0.address, dsnParameters: $0.dsnParameters)
      },
      size: Int(clamping: lead.contentSize), isEightBit: lead.flags.contains(.body8Bit),
      needsSMTPUTF8: lead.flags.contains(.needsSMTPUTF8), dsnParameters: request.dsnParameters)
  }

  /// One verdict for all recipients.
  func verdictForAll(
    _ outcome: RecipientVerdict.Outcome, _ status: EnhancedStatus, _ text: String,
    relay: [UInt8] = Array("none".utf8)
  ) -> [RecipientVerdict] {
    request.recipients.map {
      RecipientVerdict(
        index: $0.index, outcome: outcome, status: status, text: Array(text.utf8), relay: relay)
    }
  }
}
