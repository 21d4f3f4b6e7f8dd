import Configuration
package import LinuxSystem
import MailTypes
package import Primitives
import QueueFormat
package import Reactor
package import ServiceKit

/// The `local` role: brings messages to the Maildirs of this host's users.
///
/// As root it writes nothing itself: a process of its own, which first becomes the user, gets a
/// copy of the one message (spool rule R15). Else everything is done with the caller's rights.
@ReactorActor
package final class LocalDeliveryService: RoleService {
  /// Deliveries that are taken at once; `local_destination_concurrency_limit` holds for each user.
  private static let capacity = 50

  private let context: RoleContext
  private let agent: LocalAgent
  private let helper: HelperThread
  private let timeLimit: Duration
  private let host: String
  private let sizeMax: Int64
  private var link: AgentLink?

  /// Makes the service.
  package init(_ context: RoleContext) throws(RoleFailure) {
    self.context = context
    let configuration = context.configuration(ofTransport: "local")
    agent = LocalAgent(
      settings: LocalAgent.Settings(configuration),
      names: MaildirName(host: configuration[.myhostname], pid: ThisProcess.pid))
    timeLimit = configuration[.commandTimeLimit]
    host = configuration[.myhostname]
    sizeMax = configuration[.mailboxSizeLimit]
    do {
      helper = try HelperThread(name: "mailbox")
    } catch {
      throw RoleFailure("cannot start a thread: \(error)")
    }
    link = AgentLink(agent: self, capacity: Self.capacity, log: context.log, tag: "local")
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
    await link?.finishDrain(deadline: deadline)
  }

  private func deliverAll(_ request: DeliveryRequest, _ segment: SharedDescriptor?) async {
    var verdicts: [RecipientVerdict] = []
    for recipient in request.recipients {
      let verdict = await deliver(request, to: recipient, segment)
      let result = RecipientVerdict(
        index: recipient.index, outcome: verdict.outcome.forQueue, status: verdict.status,
        text: Array(verdict.text.utf8), relay: Array("local".utf8))
      let delays = DeliveryDelays(request, connected: nil, now: Clocks.wallNow())
      context.log.delivery(
        tag: Array("local".utf8), queueID: request.queueID, recipient: recipient, verdict: result,
        delays: delays)
      verdicts.append(result)
    }
    link?.finish(request, connectionFailed: false, verdicts: verdicts)
  }

  private func deliver(
    _ request: DeliveryRequest, to recipient: DeliveryRecipient, _ segment: SharedDescriptor?
  ) async -> LocalVerdict {
    guard let segment else { return .unreadable("the segment did not come along") }
    let work = LocalWork(agent: agent, request: request, recipient: recipient, segment: segment)
    switch await helper.perform({ work.begin() }) {
    case .done(let verdict): return verdict
    case .asUser(let order):
      return await DeliverChild.run(
        order, host: host, sizeMax: sizeMax, timeLimit: timeLimit)
    }
  }
}

extension LocalDeliveryService: DeliveryAgent {
  package func deliver(_ request: DeliveryRequest, segment: SharedDescriptor?) {
    reactorTask { await self.deliverAll(request, segment) }
  }
}

extension LocalAgent.Settings {
  init(_ configuration: Configuration) {
    self.init()
    homeMailbox = configuration[.homeMailbox]
    mailSpoolDirectory = configuration[.mailSpoolDirectory]
    recipientDelimiters = Array(configuration[.recipientDelimiter].utf8)
    mailboxSizeMax = configuration[.mailboxSizeLimit]
    keepsOriginals = configuration[.enableOriginalRecipient]
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
