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

  /// Rewrites the envelope of a message, and sends it all to a target if there is one. The reply
  /// that refuses it, or `nil`.
  ///
  /// As in Postfix, where `cleanup` expands virtual aliases, `qmgr` redirects and `local` expands
  /// its aliases: the target is asked for in the tables of the last one alone, the recipients
  /// before it in those of the first.
  func rewrite(
    _ envelope: inout Envelope, _ id: QueueID, redirectingTo target: MailAddress?
  ) async -> SMTPReply? {
    if let refusal = await expand(
      &envelope, id, by: rules.rewriting,
      isDeliveredElsewhere: target != nil || !envelope.contentFilter.isEmpty)
    {
      return refusal
    }
    guard let target else { return nil }
    envelope.redirect(to: target)
    return await expand(
      &envelope, id, by: rules.rewriting.pastVirtualAliases, isDeliveredElsewhere: false)
  }

  private func expand(
    _ envelope: inout Envelope, _ id: QueueID, by rewriting: EnvelopeRewriting,
    isDeliveredElsewhere: Bool
  ) async -> SMTPReply? {
    rewriting.complete(&envelope)
    guard rewriting.mayExpand(envelope) else { return nil }
    var expansion = RecipientExpansion(
      rewriting, keepsOriginals: rules.keepsOriginals, isFiltered: isDeliveredElsewhere)
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
