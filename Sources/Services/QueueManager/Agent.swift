import LinuxSystem
import MailTypes
import QueueFormat
import QueueScheduler
import QueueStore
import Reactor
import ServiceKit

/// A process that delivers, at the other end of its channel.
@ReactorActor
final class Agent {
  nonisolated let name: ProcessName
  nonisolated let pid: Int32
  /// `nil` while there is none, and for an agent of an earlier life.
  private(set) var channel: MessageChannel?
  /// The most deliveries that it takes at once.
  var capacity = 0
  /// Its number in the scheduler, once it has introduced itself.
  var process: ProcessNumber?
  /// What it said that it has before it introduced itself.
  var holds: [(inHand: [DeliveryReference], results: [DeliveryResult])] = []
  /// What it was asked for, by delivery.
  var inFlight: [UInt64: Flight] = [:]
  /// Adopted deliveries whose envelope is being read, and their results if they have come.
  var expected: [UInt64: DeliveryResult?] = [:]
  /// Whether it has ended; what it has told counts all the same.
  private(set) var isGone = false
  private var segments: Set<UInt32> = []
  private var acknowledged: [UInt64] = []
  private var owed: Set<UInt64> = []
  private var whenPaid: @ReactorActor () -> Void = {}

  init(name: ProcessName, pid: Int32, channel: MessageChannel) {
    self.name = name
    self.pid = pid
    self.channel = channel
  }

  /// An agent that ended before this life began.
  init(ended file: ResultsFileName) {
    name = file.process
    pid = file.pid
    isGone = true
  }

  /// Asks for a delivery; the segment's descriptor goes ahead of the first one (spool rule R14).
  func deliver(_ request: DeliveryRequest, from segment: Segment, for message: ActiveMessage) {
    if segments.insert(segment.number).inserted {
      segment.holders.append(self)
      channel?.post(.segment(segment.name.nonce), descriptors: [segment.file.descriptor.raw])
    }
    inFlight[request.id] = Flight(
      message: message, number: DeliveryNumber(rawValue: request.id))
    channel?.post(.deliver(request))
  }

  /// Says that a result is in the journal; those of a turn go out together.
  func acknowledge(_ delivery: UInt64) {
    if owed.remove(delivery) != nil, owed.isEmpty { whenPaid() }
    guard channel != nil else { return }
    acknowledged.append(delivery)
    guard acknowledged.count == 1 else { return }
    Reactor.shared.atEndOfTurn {
      self.channel?.post(.acknowledge(self.acknowledged))
      self.acknowledged.removeAll(keepingCapacity: true)
    }
  }

  /// Calls `action` when all these results have been acknowledged.
  func owe(_ deliveries: some Sequence<UInt64>, _ action: @escaping @ReactorActor () -> Void) {
    owed = Set(deliveries)
    whenPaid = action
    if owed.isEmpty { action() }
  }

  /// The segment is done with: the agent closes its descriptor.
  func forget(_ segment: Segment) {
    guard segments.remove(segment.number) != nil else { return }
    channel?.post(.forget(segment.name.nonce))
  }

  /// Its channel has ended; it may live and get another one.
  func sever() {
    channel?.close()
    channel = nil
    segments.removeAll()
    acknowledged.removeAll()
  }

  /// Goes on with a new channel, over which it will say what it has.
  func resume(_ channel: MessageChannel) {
    sever()
    self.channel = channel
    holds.removeAll()
  }

  /// The process has ended.
  func end() {
    sever()
    isGone = true
  }
}
