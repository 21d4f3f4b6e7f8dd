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
    var held = 0
    var heldInTurn = 0
    defer { intake.memory.changeEnvelopes(by: -held) }
    do throws(RewriteError) {
      for recipient in envelope.recipients {
        try await expansion.add(recipient)
        intake.memory.changeEnvelopes(by: expansion.size - held)
        held = expansion.size
        if held - heldInTurn > Self.expandedInTurnMax {
          heldInTurn = held
          await Reactor.shared.yieldTurn()
        }
        guard intake.memory.hasRoomForRecipient else {
          logReject("END-OF-MESSAGE", .insufficientStorage)
          return .insufficientStorage
        }
      }
      envelope.recipients = expansion.recipients
      return nil
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
