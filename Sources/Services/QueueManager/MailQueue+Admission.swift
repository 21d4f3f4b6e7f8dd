import AddressRewriting
import MailTypes
import Primitives
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import Routing
import ServiceKit

/// How a record becomes a message of the queue.
extension MailQueue {
  /// Recipients that are routed before everything else gets its turn, whichever messages they are
  /// of.
  private static let recipientsPerTurn = 256

  /// Takes a segment into the table.
  func register(_ found: OpenedSegment) -> Segment {
    let segment = segments.insert(found.name, file: found.file, journal: found.journal)
    segment.history = found.history.messages
    segment.hasTable = found.history.table != nil
    segment.isPrepared = true
    return segment
  }

  /// Takes in a record that has just been read.
  func admit(_ record: StoredRecord, of segment: Segment) async {
    // Copies are brought in by whoever made them.
    if record.lead.flags.contains(.relocatedCopy) { return mover.copyCame(record.lead, segment) }
    guard !isCondemned(record.lead.place) else {
      return quarantine.add(RecordRow(record.lead), of: segment)
    }
    let history = segment.history.removeValue(forKey: record.lead.offset)
    if let history, history.id == record.lead.id {
      return restore(RecordRow(record.lead), history, of: segment)
    }
    // Before all agents have spoken any message may be in somebody's hands: it waits outside the
    // window until its turn comes.
    guard isOpen, !record.lead.flags.contains(.entersOnHold), let envelope = record.envelope,
      !envelope.recipients.isEmpty,
      !adoption.concerns(record.lead.id),
      // What was expanded just now has not changed.
      let recipients = await recipients(of: envelope, ended: [], areNew: true)
    else { return restore(RecordRow(record.lead), nil, of: segment) }
    var message = newMessage(RecordRow(record.lead), of: segment)
    message.arrival = clock.monotonic(envelope.arrival)
    message.isFromNullSender = envelope.sender.isNull
    let routed = routed(recipients)
    guard
      let admission = scheduler.add(message, routed: routed, now: Reactor.shared.now)
    else { return reportDuplicate(record.lead.id) }
    segment.noteMessage(RecordRow(record.lead))
    pressure.messageCame()
    switch admission {
    case .active(let ref):
      activate(ref, record.lead, envelope, recipients, of: segment)
    case .waiting: break
    case .ended(let ref, let end): ended(ref, end)
    }
  }

  /// Takes in a message of which the journal tells, or whose envelope is looked at later.
  func restore(_ row: RecordRow, _ history: MessageHistory?, of segment: Segment) {
    guard !isCondemned(RecordPlace(nonce: segment.name.nonce, offset: row.offset)) else {
      if history?.isDone != true { quarantine.add(row, of: segment) }
      return
    }
    var message = newMessage(row, of: segment)
    var nextAttempt: MonotonicTime?
    var orders: RestoredOrders = []
    if let history {
      guard !history.isDone else { return }
      message.recipientsLeft = max(1, Int(row.recipientCount) - history.ended.count)
      message.deaths = Int(history.deaths)
      if history.isForgiven {
        message.deaths = min(message.deaths, settings.scheduler.deathsMax - 1)
      }
      if history.mustExpire { orders.insert(.expire) }
      if history.mustRequeue { orders.insert(.requeue) }
      nextAttempt = history.notBefore.map { clock.monotonic($0) }
    }
    guard
      let ref = scheduler.restore(
        message, nextAttempt: nextAttempt,
        isHeld: (history ?? MessageHistory(id: row.id)).isHeld(row.flags),
        orders: orders, isDelayReported: history?.isDelayReported ?? false,
        now: Reactor.shared.now)
    else { return reportDuplicate(row.id) }
    if let ended = history?.ended, !ended.isEmpty { endedRecipients[ref] = ended }
    segment.noteMessage(row)
    pressure.messageCame()
    adoption.found(
      MessageRecord(ref: ref, id: row.id, segment: segment, offset: row.offset))
  }

  private func isCondemned(_ place: RecordPlace) -> Bool {
    guard let marks, !marks.condemned.isEmpty else { return false }
    return marks.condemned.contains(place)
  }

  private func newMessage(_ row: RecordRow, of segment: Segment) -> NewMessage {
    NewMessage(
      id: row.id, place: MessagePlace(segment: segment.number, offset: row.offset),
      arrival: clock.monotonic(WallTime(microseconds: Int64(clamping: row.id.microseconds))),
      recipientsLeft: max(1, Int(row.recipientCount)))
  }

  private func reportDuplicate(_ id: QueueID) {
    log.line("qmgr", severity: .error) {
      $0.append(text: "error: ")
      $0.append(queueID: id)
      $0.append(text: ": a second message of this name is left alone")
    }
  }

  /// The recipients of a message outside the window with their routes; `nil` when a table gave no
  /// answer. A report that fails meanwhile opens recipients again: those are routed too.
  func openRecipients(of envelope: Envelope, _ ref: MessageRef) async -> [ActiveRecipient]? {
    while true {
      let ended = endedRecipients[ref] ?? []
      let recipients = await recipients(of: envelope, ended: ended)
      if recipients == nil || endedRecipients[ref] ?? [] == ended { return recipients }
    }
  }

  /// The recipients of an envelope with their routes; `nil` when a table gave no answer.
  func recipients(
    of envelope: Envelope, ended: Set<UInt32>, areNew: Bool = false
  ) async -> [ActiveRecipient]? {
    while true {
      let table = routes
      let changed = areNew ? [] : await changedAliases(of: envelope, ended: ended)
      let recipients = await recipientsOnce(of: envelope, ended: ended, changed: changed)
      // What was found while a reload replaced the routes is not where they lead.
      if recipients == nil || table === routes { return recipients }
    }
  }

  private func recipientsOnce(
    of envelope: Envelope, ended: Set<UInt32>, changed: Set<[UInt8]>
  ) async -> [ActiveRecipient]? {
    var recipients: [ActiveRecipient] = []
    recipients.reserveCapacity(envelope.recipients.count)
    for (index, recipient) in envelope.recipients.enumerated() {
      var active = ActiveRecipient(recipient)
      if ended.isEmpty || !ended.contains(UInt32(index)) {
        if !envelope.contentFilter.isEmpty {
          // The filter gets the alias, which is expanded when it comes back.
          active.kind = .address
          active.take(routes.route(recipient.address, through: envelope.contentFilter))
        } else if recipient.kind == .address, let known = routes.find(recipient.address) {
          active.take(known)
        } else {
          // All of an alias go the same way, so that nobody of it stays here when it changes again.
          if recipient.isProgram, changed.contains(recipient.address.bytes.map(ASCII.lowercased)) {
            active.kind = .alias
          }
          do throws(RoutingError) {
            active.take(try await routes.resolve(recipient.address, as: active.kind))
          } catch {
            log.warning("qmgr", "no route for \(recipient.address): \(error)")
            return nil
          }
        }
      }
      recipients.append(active)
      recipientsInStretch += 1
      if recipientsInStretch >= Self.recipientsPerTurn {
        recipientsInStretch = 0
        await Reactor.shared.yieldTurn()
      }
    }
    return recipients
  }

  /// The aliases, in lower case, that do not stand any more for all commands and files to which the
  /// message is still to go. Of those kept without a checksum nobody knows, and of those in a file
  /// that cannot be read their agent says it.
  private func changedAliases(of envelope: Envelope, ended: Set<UInt32>) async -> Set<[UInt8]> {
    var places: [[UInt8]: [AliasProgramPlace]] = [:]
    for (index, recipient) in envelope.recipients.enumerated() {
      guard case .program(let place) = recipient.kind, !ended.contains(UInt32(index)) else {
        continue
      }
      places[recipient.address.bytes.map(ASCII.lowercased), default: []].append(place)
    }
    var changed: Set<[UInt8]> = []
    for (alias, places) in places where places.allSatisfy({ $0.checksum != nil }) {
      do throws(RewriteError) {
        if try await !rewriting.knows(places, of: MailAddress(alias)) { changed.insert(alias) }
      } catch {
        log.warning("qmgr", "\(MailAddress(alias)): \(error)")
      }
    }
    return changed
  }

  /// The open recipients as the scheduler takes them.
  func routed(_ recipients: [ActiveRecipient]) -> [RoutedRecipient] {
    var routed: [RoutedRecipient] = []
    routed.reserveCapacity(recipients.count)
    for (index, recipient) in recipients.enumerated() {
      guard let target = recipient.target else { continue }
      let destination = scheduler.destination(
        transport: target.transport.number, nextHop: target.destination)
      let size = recipient.named(UInt32(index)).encodedLength
      routed.append(
        RoutedRecipient(index: UInt32(index), destination: destination, size: UInt32(size)))
    }
    return routed
  }

  /// A message is in the active window with its envelope.
  func activate(
    _ ref: MessageRef, _ lead: RecordLead, _ envelope: Envelope, _ recipients: [ActiveRecipient],
    of segment: Segment
  ) {
    messages[ref] = ActiveMessage(
      ref: ref, id: lead.id, offset: lead.offset, segment: segment, envelope: envelope,
      recipients: recipients, activated: clock.wallNow)
    log.line("qmgr") {
      $0.append(queueID: lead.id)
      $0.append(text: ": from=<")
      $0.append(peerText: envelope.sender.bytes)
      $0.append(text: ">, size=")
      $0.append(decimal: lead.contentSize)
      $0.append(text: ", nrcpt=")
      $0.append(decimal: recipients.count { $0.target != nil })
      $0.append(text: " (queue active)")
    }
  }
}
