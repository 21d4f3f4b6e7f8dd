import AddressRewriting
import MailTypes
import QueueFormat
import Reactor
import SMTPServerCore
import ServiceKit

/// From the recipients that the client named to those that the record holds.
///
/// It is done once, before the record is written: from then on each recipient has its own fate in
/// the queue, whatever becomes of the tables.
extension SMTPSession {
  /// Bytes of expanded recipients after which everything else gets its turn.
  private static let expandedInTurnMax = 32 << 10

  /// Rewrites the envelope of a message. The reply that refuses it, or `nil`.
  func rewrite(_ envelope: inout Envelope, _ id: QueueID) async -> SMTPReply? {
    rules.rewriting.complete(&envelope)
    guard rules.rewriting.mayExpand(envelope) else { return nil }
    return await expand(&envelope, id)
  }

  private func expand(_ envelope: inout Envelope, _ id: QueueID) async -> SMTPReply? {
    var expansion = RecipientExpansion(
      rules.rewriting, keepsOriginals: rules.keepsOriginals,
      isFiltered: !envelope.contentFilter.isEmpty)
    // What is taken stays taken until the record is flushed.
    let memory = ExpansionMemory { [unowned self] in pinIfRoom($0) }
    var heldInTurn = 0
    do throws(RewriteError) {
      for recipient in envelope.recipients {
        try await expansion.add(recipient, in: memory)
        if expansion.size - heldInTurn > Self.expandedInTurnMax {
          heldInTurn = expansion.size
          await Reactor.shared.yieldTurn()
        }
      }
      envelope.recipients = expansion.recipients
      return nil
    } catch .noMemory {
      logReject("END-OF-MESSAGE", .insufficientStorage)
      return .insufficientStorage
    } catch {
      logFailure(error, id)
      return error.isUnreasonable ? .aliasExpansionError : .writeError
    }
  }

  @inline(never)
  private func logFailure(_ error: RewriteError, _ id: QueueID) {
    if let cause = error.cause { intake.log.warning("cleanup", "\(cause)") }
    intake.log.warning("cleanup", "\(id): \(error) -- message not accepted, try again later")
  }
}
