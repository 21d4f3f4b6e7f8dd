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
  private let channel: MessageChannel
  /// Its number in the scheduler, once it has introduced itself.
  var process: ProcessNumber?
  /// What it said that it has before it introduced itself.
  var holds: [(inHand: [DeliveryReference], results: [DeliveryResult])] = []
  /// What it was asked for, by delivery.
  var inFlight: [UInt64: Flight] = [:]
  /// Adopted deliveries whose envelope is being read, and their results if they have come.
  var expected: [UInt64: DeliveryResult?] = [:]
  /// Whether its channel has ended.
  private(set) var isGone = false
  private var segments: Set<UInt32> = []
  private var acknowledged: [UInt64] = []

  init(name: ProcessName, channel: MessageChannel) {
    self.name = name
    self.channel = channel
  }

  /// Asks for a delivery; the segment's descriptor goes ahead of the first one (spool rule R14).
  func deliver(_ request: DeliveryRequest, from segment: Segment, for message: ActiveMessage) {
    if segments.insert(segment.number).inserted {
      segment.holders.append(self)
      channel.post(.segment(segment.name.nonce), descriptors: [segment.file.descriptor.raw])
    }
    inFlight[request.id] = Flight(
      message: message, number: DeliveryNumber(rawValue: request.id))
    channel.post(.deliver(request))
  }

  /// Says that a result is in the journal; those of a turn go out together.
  func acknowledge(_ delivery: UInt64) {
    guard !isGone else { return }
    acknowledged.append(delivery)
    guard acknowledged.count == 1 else { return }
    Reactor.shared.atEndOfTurn {
      self.channel.post(.acknowledge(self.acknowledged))
      self.acknowledged.removeAll(keepingCapacity: true)
    }
  }

  /// The segment is done with: the agent closes its descriptor.
  func forget(_ segment: Segment) {
    guard segments.remove(segment.number) != nil, !isGone else { return }
    channel.post(.forget(segment.name.nonce))
  }

  /// The process, or its channel, has ended.
  func end() {
    isGone = true
    channel.close()
  }
}
