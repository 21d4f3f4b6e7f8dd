import Reactor

/// Byte buffers that sessions borrow while they work and give back before they wait for a client.
@ReactorActor
final class BufferPool {
  private var buffers: [[UInt8]] = []
  private let countMax: Int
  private let capacity: Int
  private let capacityMax: Int

  /// - Parameters:
  ///   - capacity: bytes that a new buffer has room for.
  ///   - capacityMax: a buffer that has grown beyond this is let go.
  ///   - countMax: the most buffers kept.
  init(capacity: Int, capacityMax: Int, countMax: Int) {
    self.capacity = capacity
    self.capacityMax = capacityMax
    self.countMax = countMax
  }

  /// An empty buffer.
  func take() -> [UInt8] {
    if let buffer = buffers.popLast() { return buffer }
    var buffer: [UInt8] = []
    buffer.reserveCapacity(capacity)
    return buffer
  }

  /// Takes a buffer back, whatever is in it.
  func give(_ buffer: consuming [UInt8]) {
    guard buffers.count < countMax, buffer.capacity <= capacityMax, buffer.capacity > 0 else {
      return
    }
    buffer.removeAll(keepingCapacity: true)
    buffers.append(buffer)
  }
}
