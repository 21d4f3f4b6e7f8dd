import Primitives
import QueueFormat
import QueueScheduler
import Reactor
import ServiceKit

/// Transports and the processes that serve them.
extension MailQueue {
  /// Deliveries by the queue manager itself that the scheduler may have under way.
  private static let insideCredit = 1000

  /// The transport of this name, declared at first use.
  func transport(named name: String) -> Transport {
    if let known = transports[name] { return known }
    let transport = declare(name)
    transports[name] = transport
    return transport
  }

  /// Declares a transport with the limits that the settings give it, or gives it new ones.
  private func declare(_ name: String) -> Transport {
    let kind = Transport.kind(of: name, services: services)
    var limits = settings.limits(name)
    if kind.isOwn {
      limits.initialConcurrency = Self.insideCredit
      limits.concurrencyLimit = 0
      limits.recipientLimit = 0
    }
    // One of another kind is another one to the scheduler: deliveries under way stay what they are.
    let number = scheduler.declareTransport(
      Array("\(name) \(kind)".utf8), limits: limits, agents: group(of: kind))
    return Transport(
      name: name, kind: kind, number: number, recipientLimit: limits.recipientLimit)
  }

  /// Declares the known transports anew, after the settings have changed.
  func redeclareTransports() {
    for name in transports.keys { transports[name] = declare(name) }
  }

  /// The group of the processes that deliver for a kind of transport.
  private func group(of kind: Transport.Kind) -> AgentGroupNumber {
    let role: Role?
    switch kind {
    case .agents(let name): role = name
    case .inside, .aliases: role = nil
    }
    if let known = groups[role] { return known }
    let group = scheduler.makeAgentGroup()
    groups[role] = group
    if role == nil { _ = scheduler.addProcess(to: group, credit: Self.insideCredit) }
    return group
  }

  /// What an agent may be asked for at once: nothing if it delivers by another configuration.
  private func credit(of agent: Agent) -> Int {
    deliverers.map { $0.contains(agent.name) } ?? true ? agent.capacity : 0
  }

  /// From now on these processes deliver, and no others.
  func setDeliverers(_ names: Set<ProcessName>) {
    deliverers = names
    for (process, agent) in agents { scheduler.setCredit(credit(of: agent), of: process) }
  }

  /// Takes in an agent that has introduced itself.
  func greet(
    _ agent: Agent, inHand: [DeliveryReference], results: [DeliveryResult], capacity: UInt32
  ) {
    guard agent.process == nil else {
      return greetAgain(agent, inHand: inHand, results: results, capacity: capacity)
    }
    agent.capacity = Int(capacity)
    let process = scheduler.addProcess(
      to: group(of: .agents(agent.name.role)), credit: credit(of: agent))
    agent.process = process
    agents[process] = agent
    for held in agent.holds {
      adoption.take(inHand: held.inHand, results: held.results, from: agent)
    }
    agent.holds.removeAll()
    adoption.take(inHand: inHand, results: results, from: agent)
    plan()
  }

  /// An agent whose channel broke while both lived goes on with another. What was on its way to
  /// it then, and which it does not have, was not attempted.
  private func greetAgain(
    _ agent: Agent, inHand: [DeliveryReference], results: [DeliveryResult], capacity: UInt32
  ) {
    let said = agent.holds + [(inHand, results)]
    agent.holds.removeAll()
    agent.capacity = Int(capacity)
    if let process = agent.process { scheduler.setCredit(credit(of: agent), of: process) }
    for result in said.flatMap(\.results) { take(result, from: agent) }
    let inHand = Set(said.flatMap(\.inHand).map(\.id))
    for (delivery, flight) in agent.inFlight where !inHand.contains(delivery) {
      agent.inFlight[delivery] = nil
      giveBack(flight)
    }
    resultCame.pulse()
    plan()
  }

  /// An agent's channel has ended: nothing is asked of it before it has another.
  func sever(_ agent: Agent) {
    agent.sever()
    for segment in segments.all { segment.holders.removeAll { $0 === agent } }
    retire(agent)
  }

  /// The process that stands for agents which have ended, in the scheduler's eyes: it holds the
  /// deliveries whose results they told or left, until those are written down.
  func processOfTheEnded() -> ProcessNumber {
    if let known = endedProcess { return known }
    let process = scheduler.addProcess(to: scheduler.makeAgentGroup(), credit: 0)
    endedProcess = process
    return process
  }

  /// An agent gives back what it is asked for: it is on its way out.
  func retire(_ agent: Agent) {
    agent.capacity = 0
    guard let process = agent.process else { return }
    scheduler.setCredit(0, of: process)
  }

  /// Drops an agent that has ended: what it had in hand is tried again later, alone (spool rule
  /// R19); what it had told counts.
  func lose(_ agent: Agent) {
    agent.end()
    peers.removeAll { $0 === agent }
    for segment in segments.all { segment.holders.removeAll { $0 === agent } }
    adoption.keepResults(of: agent)
    let now = clock.wallNow
    let victims = Dictionary(
      agent.inFlight.values.map { ($0.message.ref, $0.message) },
      uniquingKeysWith: { first, _ in first })
    agent.inFlight.removeAll()
    resultCame.pulse()
    for message in victims.values {
      let deaths = (scheduler.summary(of: message.ref)?.deaths ?? 0) + 1
      log.line("qmgr", severity: .warning) {
        $0.append(text: "warning: ")
        $0.append(queueID: message.id)
        $0.append(text: ": the delivery agent died while it had the message")
      }
      journals.append(
        message.entry(.processDied(count: UInt32(clamping: deaths)), time: now), to: message.segment
      )
    }
    if let process = agent.process {
      agents[process] = nil
      agent.process = nil
      for run in scheduler.removeProcess(process, now: Reactor.shared.now) {
        ended(run.message, run.end)
      }
    }
    plan()
  }
}
