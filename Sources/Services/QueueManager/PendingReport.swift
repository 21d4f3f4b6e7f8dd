import DeliveryReports
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import SMTPGrammar
import ServiceKit

/// What a run of a message leaves to be told to its sender, or the postmaster.
struct PendingReport: Sendable {
  let kind: DeliveryReport.Kind
  let record: MessageRecord
  let sender: MailAddress
  let envelopeID: [UInt8]
  let returnContent: ReturnContent?
  let arrival: WallTime
  /// Recipients of which the sender wants to hear.
  let recipients: [ReportedRecipient]
  /// All recipients of which there is something to tell, whatever the sender wants.
  let everybody: [ReportedRecipient]
  /// Who is told, in order; what is settled waits for the first alone.
  var audiences: [DeliveryReport.Audience] = []
  /// Verdicts that are written down when the sender has been told, or needs not be.
  let verdicts: [RecipientVerdict]
  /// Results whose agents wait for the journal.
  let heldResults: [(agent: Agent, delivery: UInt64)]
  /// Whether nothing else is left to do for the message.
  let endsMessage: Bool

  /// Of the recipients that will not get a message: their entries wait for the report (spool rule
  /// R4).
  @ReactorActor
  init(failuresOf message: ActiveMessage, endsMessage: Bool) {
    self.init(
      .failure, of: message,
      // RFC 3461 4.1: who said when to report and did not name failures wants none.
      about: message.failures.filter { message.notify(of: $0)?.contains(.failure) ?? true },
      everybody: message.failures, verdicts: message.failures, heldResults: message.heldResults,
      endsMessage: endsMessage)
  }

  /// Of the recipients that have a message whose sender wants to know: their entries have been
  /// written, since better no report than a second delivery.
  @ReactorActor
  init(successesOf message: ActiveMessage, endsMessage: Bool) {
    self.init(
      .success, of: message, about: message.successes, everybody: [], verdicts: [], heldResults: [],
      endsMessage: endsMessage)
  }

  /// Of the recipients that have not got a message yet, if the sender did not say that it does not
  /// want to hear of delays (RFC 3461 4.1). They stay as they are.
  @ReactorActor
  init(delaysOf message: ActiveMessage, _ verdicts: [RecipientVerdict]) {
    self.init(
      .delay, of: message,
      about: verdicts.filter { message.notify(of: $0)?.contains(.delay) ?? true },
      everybody: verdicts, verdicts: [], heldResults: [], endsMessage: false)
  }

  @ReactorActor
  private init(
    _ kind: DeliveryReport.Kind, of message: ActiveMessage, about told: [RecipientVerdict],
    everybody: [RecipientVerdict], verdicts: [RecipientVerdict],
    heldResults: [(agent: Agent, delivery: UInt64)], endsMessage: Bool
  ) {
    self.kind = kind
    record = message.record
    sender = message.sender
    envelopeID = ExtendedText.decoded(message.envelopeID) ?? []
    returnContent = message.returnContent
    arrival = message.arrival
    let reported = { (verdict: RecipientVerdict) in
      ReportedRecipient(message.recipients[Int(verdict.index)], verdict, kind)
    }
    recipients = told.map(reported)
    self.everybody = everybody.map(reported)
    self.verdicts = verdicts
    self.heldResults = heldResults
    self.endsMessage = endsMessage
  }
}

extension ReportedRecipient {
  fileprivate init(
    _ recipient: ActiveRecipient, _ verdict: RecipientVerdict, _ kind: DeliveryReport.Kind
  ) {
    let action: Action =
      switch kind {
      case .failure: .failed
      case .delay: .delayed
      case .success: verdict.handover == .delivered ? .delivered : .relayed
      }
    var dsnOriginal = recipient.dsnOriginal
    if let semicolon = dsnOriginal.firstIndex(of: UInt8(ascii: ";")) {
      let address = dsnOriginal[(semicolon + 1)...]
      dsnOriginal = dsnOriginal[...semicolon] + (ExtendedText.decoded(address) ?? Array(address))
    }
    self.init(
      address: recipient.address,
      originalAddress: recipient.original.isEmpty ? nil : MailAddress(recipient.original),
      dsnOriginal: dsnOriginal, action: action, status: verdict.status, reason: verdict.text,
      relay: verdict.relay)
  }
}

extension ActiveMessage {
  fileprivate func notify(of verdict: RecipientVerdict) -> DeliveryNotify? {
    recipients[Int(verdict.index)].notify
  }

  /// Notes a recipient that has the message, if this host is to tell the sender so (RFC 3461 5.2).
  ///
  /// - Parameter clearsDelay: whether the sender was told of a delay, and wants to hear that it is
  ///   over (`confirm_delay_cleared`).
  func noteSuccess(_ verdict: RecipientVerdict, clearsDelay: Bool) {
    let notify = notify(of: verdict)
    let isAwaited = clearsDelay && notify?.contains(.delay) ?? true
    let isWanted = verdict.handover != .relayedWithWishes && notify?.contains(.success) == true
    if isAwaited || isWanted { successes.append(verdict) }
  }
}
