import Primitives
import Reactor
import ServiceKit

/// The open connections to one destination, and the jobs that wait for one.
///
/// `qmgr` sets how many deliveries run at once; here each job takes an idle connection if there is
/// one and else opens its own.
@ReactorActor
final class DestinationPool {
  private var idle: [OutboundConnection] = []
  private(set) var connections = 0

  /// Nothing is connected to this destination.
  var isEmpty: Bool { connections == 0 }

  /// The connection that became idle last, since it is the least likely to have been closed.
  func takeIdle() -> OutboundConnection? { idle.popLast() }

  /// A connection waits for work.
  func park(_ connection: OutboundConnection) { idle.append(connection) }

  /// A connection does not wait any more.
  func unpark(_ connection: OutboundConnection) { idle.removeAll { $0 === connection } }

  /// A connection has been begun.
  func opened() { connections += 1 }

  /// A connection is gone.
  func closed() { connections -= 1 }
}
