import AddressRewriting
import DequeModule
import LinuxSystem
import MailTypes
import MessageHeaders
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// Makes new mail of mail for local aliases that were left in an envelope as such: those with an
/// owner, from whom what goes on to them comes, those of which a file could not be read, and those
/// whose commands and files have changed since. The new records are flushed before the alias is
/// done (spool rule R4).
@ReactorActor
final class Forwarder {
  /// Messages that are written at once; each may be in memory up to the size of a batched content,
  /// or its header.
  private static let atOnceMax = 4
  /// Bytes of a header in which `Delivered-To:` is looked for: this host writes it at the top.
  private static let searchedMax: UInt64 = 64 << 10

  private struct Work {
    let request: DeliveryRequest
    let message: ActiveMessage
  }

  private unowned let queue: MailQueue
  private var waiting: Deque<Work> = []
  private var underWay = 0
  private var isDraining = false
  private let change = Gate()

  init(_ queue: MailQueue) { self.queue = queue }

  /// The scheduler wants mail for aliases to go on; it asks for no more at once than the credit of
  /// the queue manager's own transports. After `drain` the next life finds it.
  func add(_ request: DeliveryRequest, of message: ActiveMessage) {
    guard !isDraining else { return }
    waiting.append(Work(request: request, message: message))
    begin()
  }

  private func begin() {
    while underWay < Self.atOnceMax, let work = waiting.popFirst() {
      underWay += 1
      reactorTask {
        await self.carryOut(work)
        self.underWay -= 1
        self.begin()
        self.change.pulse()
      }
    }
  }

  /// Waits until all that was begun is done, and says whether it is.
  func drain(deadline: MonotonicTime) async -> Bool {
    isDraining = true
    waiting.removeAll()
    do throws(WaitError) {
      try await change.wait(deadline: deadline) { underWay > 0 }
      return true
    } catch {
      queue.log.warning("qmgr", "forwarded mail was not written in time: it is tried again")
      return false
    }
  }

  private func carryOut(_ work: Work) async {
    var verdicts: [RecipientVerdict] = []
    do {
      let original = try await Resubmission(of: work.message.record, in: queue)
      let header = try await original.header(atMost: Self.searchedMax)
      let all = original.envelope.recipients
      let changed = Dictionary(
        grouping: work.request.recipients.map { Int($0.index) }.filter { all[$0].isProgram }
      ) { Self.alias(of: all[$0]) }
      // Of an alias so large that it takes several deliveries the first one takes what is new.
      let first = Set(changed.keys).subtracting(work.message.followedAliases)
      work.message.followedAliases.formUnion(first)
      var answers: [EnvelopeRecipient: RecipientVerdict] = [:]
      for recipient in work.request.recipients {
        guard all[Int(recipient.index)].isProgram else {
          verdicts.append(await forward(original, header, to: recipient))
          continue
        }
        let alias = Self.alias(of: all[Int(recipient.index)])
        if var answer = answers[alias] {
          answer.index = recipient.index
          verdicts.append(answer)
          continue
        }
        let answer = await follow(
          original, header, to: recipient, places: Set(changed[alias] ?? []),
          takesNew: first.contains(alias))
        answers[alias] = answer
        // Who did not take what is new leaves the part of who did.
        if answer.outcome == .deferred, first.contains(alias) {
          work.message.followedAliases.remove(alias)
        }
        verdicts.append(answer)
      }
    } catch {
      verdicts = work.request.recipients.map { .putOff($0, "queue file read error: \(error)") }
    }
    let delays = DeliveryDelays(work.request, connected: nil, now: queue.clock.wallNow)
    for (recipient, verdict) in zip(work.request.recipients, verdicts) {
      queue.log.delivery(
        tag: Self.tag, queueID: work.request.queueID, recipient: recipient, verdict: verdict,
        delays: delays)
    }
    queue.apply(
      DeliveryResult(answering: work.request, connectionFailed: false, verdicts: verdicts),
      Flight(message: work.message, number: DeliveryNumber(rawValue: work.request.id)), from: nil)
    queue.plan()
  }

  /// As Postfix logs it.
  nonisolated fileprivate static let tag = Array("local".utf8)

  /// Opens an alias again that does not stand for all of its commands and files any more. It goes
  /// to those whom it names now, but to nobody who has the message or will get it otherwise; all of
  /// its commands that wait go along, so that what was said here once is all there is to know.
  private func follow(
    _ original: Resubmission, _ header: [UInt8], to alias: DeliveryRecipient, places: Set<Int>,
    takesNew: Bool
  ) async -> RecipientVerdict {
    let all = original.envelope.recipients
    let change = AliasChange(
      moving: places.map { all[$0] },
      served: original.envelope.served
        + all.enumerated().filter { !places.contains($0.offset) }.map(\.element),
      takesNew: takesNew)
    return await forward(original, header, to: alias, after: change)
  }

  /// The alias for which a command or a file stands, as a recipient with its own wishes: those to
  /// whom other wishes belong, or who came by another address, have mail of their own.
  private static func alias(of program: EnvelopeRecipient) -> EnvelopeRecipient {
    var alias = program
    alias.kind = .alias
    return alias
  }

  private func forward(
    _ original: Resubmission, _ header: [UInt8], to alias: DeliveryRecipient,
    after change: AliasChange? = nil
  ) async -> RecipientVerdict {
    let isLoop = header.withUnsafeBytes { DeliveredTo.names(alias.address, in: $0) }
    if isLoop {
      return RecipientVerdict(
        index: alias.index, outcome: .bounced, status: EnhancedStatus(5, 4, 6),
        text: Array("mail forwarding loop for \(alias.address)".utf8), relay: Self.tag)
    }
    do throws(RewriteError) {
      let (all, owner) = try await queue.rewriting.open(alias.address)
      let found = change.map { all.filter($0.leads(to:)) } ?? all
      var envelope = try envelope(original.envelope, for: found, from: owner, of: alias)
      envelope.served = change?.served ?? []
      guard !found.isEmpty else {
        return RecipientVerdict(
          index: alias.index, outcome: .sent, handover: .delivered, status: EnhancedStatus(2, 0, 0),
          text: Array("all for whom the alias stands by now have it".utf8), relay: Self.tag)
      }
      return await write(original, envelope, alias, hasOwner: owner != nil)
    } catch {
      if let cause = error.cause { queue.log.warning("local", "\(cause)") }
      return .putOff(alias, "\(error)")
    }
  }

  /// What an owner sends is its own: who sent it first hears no more of what becomes of it, since
  /// reports go to the owner.
  private func envelope(
    _ original: Envelope, for found: [ExpandedRecipient], from owner: MailAddress?,
    of alias: DeliveryRecipient
  ) throws(RewriteError) -> Envelope {
    var envelope = original
    envelope.arrival = queue.clock.wallNow
    envelope.pickupSource = nil
    var model = EnvelopeRecipient(
      alias.address, original: alias.original.isEmpty ? nil : MailAddress(alias.original),
      notify: alias.notify, dsnOriginal: alias.dsnOriginal)
    if let owner {
      envelope.sender = owner
      envelope.envelopeID = []
      envelope.returnContent = nil
      model.dsnOriginal = []
      if let notify = model.notify, notify != .never {
        // RFC 3461 5.2.7.3: the success is told where the list takes the mail.
        let rest = notify.subtracting(.success)
        model.notify = rest.isEmpty ? nil : rest
      }
    }
    var expansion = RecipientExpansion(
      queue.rewriting, keepsOriginals: queue.settings.keepsOriginals)
    for each in found {
      var recipient = model.standing(for: each)
      if owner != nil { recipient.original = nil }
      try expansion.take(recipient)
    }
    envelope.recipients = expansion.recipients
    return envelope
  }

  private func write(
    _ original: Resubmission, _ envelope: Envelope, _ alias: DeliveryRecipient, hasOwner: Bool
  ) async -> RecipientVerdict {
    let field = Array("Delivered-To: ".utf8) + alias.address.bytes + [ASCII.cr, ASCII.lf]
    var ids: [QueueID] = []
    do throws(SpoolError) {
      let parts = Self.parts(of: envelope.recipients, at: alias, field)
      for (place, (recipients, fields)) in parts.enumerated() {
        var part = envelope
        part.recipients = recipients
        for (other, content) in parts.enumerated() where other != place {
          part.served += content.recipients
        }
        // Only what becomes of commands and files is ever looked up there.
        if !recipients.contains(where: \.isProgram) { part.served = [] }
        let id = queue.writer.makeQueueID(now: queue.clock.wallNow)
        try await original.write(part, as: id, fields: fields)
        ids.append(id)
      }
    } catch {
      return .putOff(alias, "queue file write error: \(error)")
    }
    let names = ids.map(\.description).joined(separator: ", ")
    return RecipientVerdict(
      index: alias.index, outcome: .sent,
      // Whoever goes on with the sender's wishes tells it.
      handover: hasOwner ? .delivered : .relayedWithWishes,
      status: EnhancedStatus(2, 0, 0), text: Array("forwarded as \(names)".utf8),
      relay: Self.tag)
  }

  /// Those who get the mail by way of the field that an alias leaves, and those to whom it is
  /// delivered at the alias's own address: its commands, its files, and the user of its name. Their
  /// agent writes the field itself, and one that is there already is a loop to it. These come
  /// first: where the second part cannot be written the first is written again.
  nonisolated private static func parts(
    of recipients: [EnvelopeRecipient], at alias: DeliveryRecipient, _ field: [UInt8]
  ) -> [(recipients: [EnvelopeRecipient], fields: [UInt8])] {
    var others: [EnvelopeRecipient] = []
    var own: [EnvelopeRecipient] = []
    for recipient in recipients {
      if recipient.kind != .alias,
        ASCII.equalFolded(recipient.address.bytes, alias.address.bytes)
      {
        own.append(recipient)
      } else {
        others.append(recipient)
      }
    }
    return [(own, []), (others, field)].filter { !$0.0.isEmpty }
  }
}

extension RecipientVerdict {
  fileprivate static func putOff(
    _ recipient: DeliveryRecipient, _ reason: String
  ) -> RecipientVerdict {
    RecipientVerdict(
      index: recipient.index, outcome: .deferred, status: EnhancedStatus(4, 3, 0),
      text: Array(reason.utf8), relay: Forwarder.tag)
  }
}
