import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import ServiceKit

/// Carrying out what the scheduler orders.
extension MailQueue {
  /// Orders that are carried out before everything else gets its turn.
  private static let ordersPerTurn = 256

  /// Asks the scheduler for orders when this turn of the loop is over.
  func plan() {
    guard !pumpIsPlanned else { return }
    pumpIsPlanned = true
    Reactor.shared.atEndOfTurn { self.pump() }
  }

  private func pump() {
    // What is planned meanwhile is done below, before this ends.
    pumpIsPlanned = true
    defer { pumpIsPlanned = false }
    guard isOpen, !journals.isStalled, !bouncer.isBehind else { return }
    let now = Reactor.shared.now
    noticeClockJump()
    var left = Self.ordersPerTurn
    while left > 0, !bouncer.isBehind, let order = scheduler.nextOrder(now: now) {
      left -= 1
      switch order {
      case .deliver(let delivery): deliver(delivery)
      case .load(let ref): loader.add(ref)
      case .ended(let run): ended(run.message, run.end)
      }
    }
    loader.start()
    if scheduler.hasDelayed { delayWarner.start() }
    if bouncer.isBehind { return wake.cancel() }
    guard let next = left == 0 ? now : scheduler.nextWake(now: now) else { return wake.cancel() }
    wake.schedule(at: next)
  }

  private func noticeClockJump() {
    guard let jump = clock.adjust() else { return }
    log.warning("qmgr", "the clock jumped by \(jump): no message expires for an hour")
    scheduler.expirySuspendedUntil = Reactor.shared.now + .seconds(3600)
  }

  private func deliver(_ delivery: Delivery) {
    guard let message = messages[delivery.message],
      let target = message.recipients[Int(delivery.recipients.first)].target
    else { preconditionFailure("a delivery of a message whose envelope is not there") }
    var recipients: [DeliveryRecipient] = []
    recipients.reserveCapacity(delivery.recipients.count)
    let first = delivery.recipients.first
    recipients.append(message.recipients[Int(first)].named(first))
    for index in delivery.recipients.rest {
      recipients.append(message.recipients[Int(index)].named(index))
    }
    var request = DeliveryRequest(
      id: delivery.number.rawValue, queueID: message.id, nonce: message.segment.name.nonce,
      offset: message.offset, transport: target.transport.name, nextHop: target.nextHop,
      sender: message.sender, recipients: recipients, arrival: message.arrival,
      activated: message.activated, dispatched: clock.wallNow)
    request.envelopeID = message.envelopeID
    request.returnContent = message.returnContent
    switch target.transport.kind {
    case .inside(let transport): deliver(request, by: transport, message)
    case .aliases: forwarder.add(request, of: message)
    case .agents:
      guard let agent = agents[delivery.process] else {
        preconditionFailure("a delivery for a process that is gone")
      }
      agent.deliver(request, from: message.segment, for: message)
    }
  }

  private func deliver(
    _ request: DeliveryRequest, by transport: InternalTransport, _ message: ActiveMessage
  ) {
    let delays = DeliveryDelays(request, connected: nil, now: clock.wallNow)
    let verdicts = request.recipients.map { recipient in
      let verdict = transport.verdict(on: recipient.index, nextHop: request.nextHop)
      log.delivery(
        tag: transport.tag, queueID: request.queueID, recipient: recipient, verdict: verdict,
        delays: delays)
      return verdict
    }
    let result = DeliveryResult(
      answering: request, connectionFailed: false, verdicts: verdicts)
    let flight = Flight(message: message, number: DeliveryNumber(rawValue: request.id))
    apply(result, flight, from: nil)
  }
}
