import Configuration
package import LinuxSystem
import LookupTables
import MailTypes
package import Primitives
import QueueFormat
package import Reactor
package import ServiceKit

/// The `local` role: brings messages to mailboxes and commands, for the transports that run
/// `local`, `virtual` or `pipe`.
///
/// As root it writes and runs nothing itself: a process of its own, which first becomes the user,
/// gets a copy of the one message (spool rule R15). Else everything is done with the caller's
/// rights.
@ReactorActor
package final class LocalDeliveryService: RoleService {
  /// Deliveries that are taken at once; `local_destination_concurrency_limit` holds for each user.
  private static let capacity = 50
  /// What a process may take beyond the time limit of its command.
  private static let patience: Duration = .seconds(30)

  private let context: RoleContext
  private let helper: HelperThread
  private let copies: MessageCopies
  private var link: AgentLink?
  private var programs: [String: DeliveryProgram] = [:]

  /// Makes the service.
  package init(_ context: RoleContext) throws(RoleFailure) {
    self.context = context
    do {
      helper = try HelperThread(name: "mailbox")
    } catch {
      throw RoleFailure("cannot start a thread: \(error)")
    }
    copies = MessageCopies(
      sizeMax: context.configuration[.deliveryMemoryLimit], helper: helper)
    link = AgentLink(
      agent: self, capacity: Self.capacity, log: context.log, tag: "local", keepsAll: true)
    // What is wrong with a transport is said at once, not with its first mail.
    for name in context.transportNames.sorted() { _ = program(of: name) }
  }

  package func start() async throws(RoleFailure) {}

  package func attach(_ channel: MessageChannel, to peer: ProcessName, pid: Int32) {
    guard peer.role == .qmgr else { return channel.close() }
    link?.attach(channel)
  }

  package func keepResults(in file: SharedDescriptor) {
    link?.keepResults(in: ResultsFile(file, log: context.log, tag: "local"))
  }

  package func retire() { link?.beginRetirement() }

  package func finishWork(deadline: MonotonicTime) async {
    await link?.finishRetirement(deadline: deadline)
  }

  package func drain(deadline: MonotonicTime) async {
    link?.beginDrain()
    copies.close()
    await link?.finishDrain(deadline: deadline)
  }

  private func program(of transport: String) -> DeliveryProgram {
    if let known = programs[transport] { return known }
    let fresh = DeliveryProgram(transport: transport, context) { [log = context.log] in
      log.warning("local", $0)
    }
    programs[transport] = fresh
    return fresh
  }

  private func deliverAll(_ request: DeliveryRequest, _ segment: SharedDescriptor?) async {
    let program = program(of: request.transport)
    var verdicts: [RecipientVerdict] = []
    for group in program.groups(of: request.recipients) {
      link?.note(request, verdicts: verdicts)
      let verdict: LocalVerdict
      do throws(NoDelivery) {
        verdict = try await deliver(request, to: group, by: program, segment)
      } catch {
        if error.isUntried, verdicts.isEmpty {
          link?.giveBack(request)
          return
        }
        verdict = error.verdict
        if let warning = error.warning {
          context.log.line(tag: program.tag, severity: .warning) {
            $0.append(text: "warning: ")
            $0.append(string: warning)
          }
        }
      }
      for recipient in group {
        verdicts.append(report(verdict, on: recipient, of: request, program))
      }
    }
    link?.finish(request, connectionFailed: false, verdicts: verdicts)
  }

  private func report(
    _ verdict: LocalVerdict, on recipient: DeliveryRecipient, of request: DeliveryRequest,
    _ program: DeliveryProgram
  ) -> RecipientVerdict {
    let result = RecipientVerdict(
      index: recipient.index, outcome: verdict.outcome.forQueue,
      handover: program.deliversFinally ? .delivered : .relayed, status: verdict.status,
      text: Array(verdict.text.utf8), relay: Array(request.transport.utf8))
    let delays = DeliveryDelays(request, connected: nil, now: Clocks.wallNow())
    context.log.delivery(
      tag: program.tag, queueID: request.queueID, recipient: recipient, verdict: result,
      delays: delays)
    return result
  }

  private func deliver(
    _ request: DeliveryRequest, to recipients: [DeliveryRecipient], by program: DeliveryProgram,
    _ segment: SharedDescriptor?
  ) async throws(NoDelivery) -> LocalVerdict {
    guard let segment, let first = recipients.first else {
      return .unreadable("the segment did not come along")
    }
    let begin: @Sendable () -> Result<LocalWork.Step, NoDelivery>
    switch program.kind {
    case .broken: return .misconfigured
    case .local(let agent, let programs, let rights):
      guard let place = first.program else {
        let work = LocalWork(agent: agent, request: request, recipient: first, segment: segment)
        begin = { Result { () throws(NoDelivery) in try work.begin() } }
        break
      }
      guard let programs else { return .misconfigured }
      let work = ProgramWork(
        agent: agent, programs: programs, rights: rights,
        entry: try await programs.entry(of: first.address, place), request: request,
        recipient: first, place: place, segment: segment)
      begin = { Result { () throws(NoDelivery) in try work.begin() } }
    case .pipe(let service, let settings):
      let work = PipeWork(
        service: service, settings: settings, request: request, recipients: recipients,
        segment: segment)
      begin = { Result { () throws(NoDelivery) in try work.begin() } }
    case .virtual(let mailboxes, let lock, let isOwnedByUser):
      let found = try await mailboxes.find(first.address)
      let work = VirtualWork(
        mailbox: found, lock: lock, isOwnedByUser: isOwnedByUser,
        keepsOriginals: program.keepsOriginals, request: request, recipient: first,
        segment: segment)
      begin = { Result { () throws(NoDelivery) in try work.begin() } }
    }
    switch try await helper.perform(begin).get() {
    case .done(let verdict): return verdict
    case .asUser(let order, let lead):
      let timeLimit = order.timeLimit(otherwise: program.timeLimit) + Self.patience
      return try await copies.use(
        RecordSource(request: request, segment: segment), lead,
        deadline: Reactor.shared.now + timeLimit
      ) { content in
        await DeliverChild.run(
          order, content, host: program.host, sizeMax: program.sizeMax, timeLimit: timeLimit)
      }
    }
  }
}

extension LocalDeliveryService: DeliveryAgent {
  package func deliver(_ request: DeliveryRequest, segment: SharedDescriptor?) {
    reactorTask { await self.deliverAll(request, segment) }
  }
}

extension DeliverOrder {
  /// How long it may take.
  fileprivate func timeLimit(otherwise limit: Duration) -> Duration {
    guard case .command(let command) = destination else { return limit }
    return .milliseconds(command.timeLimit)
  }
}

extension LocalVerdict.Outcome {
  var forQueue: RecipientVerdict.Outcome {
    switch self {
    case .sent: .sent
    case .deferred: .deferred
    case .bounced: .bounced
    }
  }
}
