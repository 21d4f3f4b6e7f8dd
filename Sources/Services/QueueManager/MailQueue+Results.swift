import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import ServiceKit

/// What deliveries lead to.
extension MailQueue {
  /// Takes in a result that an agent sent.
  func take(_ result: DeliveryResult, from agent: Agent) {
    defer { if !isOpen { resultCame.pulse() } }
    guard let flight = agent.inFlight.removeValue(forKey: result.id) else {
      if !adoption.isExpected(result, from: agent) { agent.acknowledge(result.id) }
      return
    }
    guard !result.verdicts.isEmpty else {
      // The agent is on its way out and hands back what it has not begun.
      retire(agent)
      agent.acknowledge(result.id)
      giveBack(flight)
      return plan()
    }
    apply(result, flight, from: agent)
    plan()
  }

  /// A delivery was not attempted.
  func giveBack(_ flight: Flight) {
    let report = scheduler.report(
      flight.number, DeliveryTally(returned: .max), connectionFailed: false,
      now: Reactor.shared.now)
    if let end = report?.end { ended(flight.message, end) }
  }

  /// Records the verdicts on recipients of a message.
  ///
  /// - Parameter agent: who wants to hear that they are recorded.
  func apply(_ result: DeliveryResult, _ flight: Flight, from agent: Agent?) {
    let message = flight.message
    let now = clock.wallNow
    // A recipient that is done stays so, whatever comes later.
    var verdicts = result.verdicts.filter {
      Int($0.index) < message.recipients.count
        && message.recipients[Int($0.index)].target != nil
    }
    if settings.softBounce { verdicts = verdicts.map(\.softened) }
    var tally = DeliveryTally()
    let clearsDelay =
      settings.confirmsDelayCleared && scheduler.isDelayReported(message.ref)
    for verdict in verdicts {
      switch verdict.outcome {
      case .sent:
        tally.delivered += 1
        message.recipients[Int(verdict.index)].target = nil
        message.noteSuccess(verdict, clearsDelay: clearsDelay)
      case .deferred:
        tally.deferred += 1
        message.postponed.append(verdict)
      case .bounced:
        tally.failed += 1
        message.recipients[Int(verdict.index)].target = nil
        message.failures.append(verdict)
      }
    }
    guard
      let report = scheduler.report(
        flight.number, tally, connectionFailed: result.connectionFailed,
        now: Reactor.shared.now)
    else { preconditionFailure("a result of a delivery that the scheduler did not ask for") }
    if case .died = report.change {
      suspensions.note(report.destination, result, scheduler)
    }
    record(verdicts, of: message, end: report.end, now: now)
    if let agent {
      if tally.failed > 0 {
        message.heldResults.append((agent, result.id))
      } else {
        journals.acknowledge(result.id, of: agent)
      }
    }
    if let end = report.end { ended(message, end) }
  }

  /// Writes down what needs no report: deliveries and postponements.
  private func record(
    _ verdicts: [RecipientVerdict], of message: ActiveMessage, end: RunEnd?, now: WallTime
  ) {
    var until = now + settings.scheduler.backoffMin
    if case .deferred(let time) = end { until = clock.wall(time) }
    // With failures the report comes first, and the entry of the last one ends the message.
    let endsMessage = end == .finished && message.failures.isEmpty
    for (place, verdict) in verdicts.enumerated() {
      let attempt = DeliveryAttempt(verdict)
      let event: JournalEvent
      switch verdict.outcome {
      case .sent: event = .delivered(attempt)
      case .deferred: event = .deferred(attempt, until: until)
      case .bounced: continue
      }
      journals.append(
        message.entry(
          event, recipient: verdict.index,
          endsMessage: endsMessage && place == verdicts.count - 1, time: now),
        to: message.segment)
    }
  }
}

extension DeliveryAttempt {
  /// What the journal keeps of a verdict.
  init(_ verdict: RecipientVerdict) {
    self.init(status: verdict.status, nextHop: verdict.relay, reply: verdict.text)
  }
}
