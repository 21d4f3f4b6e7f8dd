import COpenSSL
import LinuxSystem
package import Primitives
import Synchronization

/// What all processes of a host derive the keys of session tickets from.
package struct TicketSecret: Hashable, Sendable {
  /// The number of bytes of a secret.
  package static let length = 32

  /// Random bytes, known to the processes of this host alone.
  package let bytes: [UInt8]
  /// When it was made, in seconds of the wall clock.
  package let madeAt: Int64

  /// Takes over a secret; `nil` unless it has the right length.
  package init?(bytes: [UInt8], madeAt: Int64) {
    guard bytes.count == Self.length else { return nil }
    self.bytes = bytes
    self.madeAt = madeAt
  }

  /// Makes a new one; `nil` when the system gives no random bytes.
  package static func random(now: WallTime) -> TicketSecret? {
    var bytes = [UInt8](repeating: 0, count: length)
    guard RAND_bytes(&bytes, Int32(length)) == 1 else { return nil }
    return TicketSecret(bytes: bytes, madeAt: now.seconds)
  }
}

/// The keys of session tickets (RFC 5077, RFC 8446 4.6.1): the same in every process that has the
/// secret, another for each interval of time and each context.
///
/// Each step of the derivation forgets what it came from: who reads the memory of a process does
/// not learn the keys of earlier intervals than the last.
final class TicketKeys: Sendable {
  /// The key of one interval.
  struct Key: Equatable {
    /// What a ticket says about its key.
    let name: [UInt8]
    let cipher: [UInt8]
    let mac: [UInt8]
    /// When it opens no tickets any more, in seconds of the wall clock.
    let expires: Int64
  }

  private struct State {
    var root: [UInt8]
    var epoch: Int64
    var current: Key
    var previous: Key?
  }

  /// Steps that are taken one by one; a clock that jumps further costs resumption only.
  private static let stepsMax: Int64 = 1_000_000

  private let interval: Int64
  private let now: @Sendable () -> Int64
  private let state: Mutex<State>

  /// - Parameters:
  ///   - context: tickets of one context are nothing to another.
  ///   - interval: how long a key is used for new tickets; it opens them for one interval more.
  ///   - now: the wall clock in seconds.
  init(
    _ secret: TicketSecret, context: String, interval: Duration,
    now: @escaping @Sendable () -> Int64 = { Clocks.wallNow().seconds }
  ) {
    let seconds = max(interval.components.seconds, 1)
    self.interval = seconds
    self.now = now
    let root = Self.digest(secret.bytes, "context \(seconds) \(context)")
    let epoch = secret.madeAt / seconds
    let key = Self.key(root, expires: Self.end(of: epoch, seconds))
    state = Mutex(State(root: root, epoch: epoch, current: key, previous: nil))
  }

  /// The key for new tickets.
  var current: Key {
    let time = now()
    return state.withLock {
      advance(&$0, to: time)
      return $0.current
    }
  }

  /// The key of a ticket, and whether a new ticket should take its place; `nil` for an unknown one.
  func find(_ name: UnsafeRawBufferPointer) -> (key: Key, isOld: Bool)? {
    let time = now()
    return state.withLock { state in
      advance(&state, to: time)
      if state.current.name.elementsEqual(name) { return (state.current, false) }
      if let previous = state.previous, previous.name.elementsEqual(name) {
        return (previous, true)
      }
      return nil
    }
  }

  /// A clock that goes back changes nothing: the keys before are forgotten.
  private func advance(_ state: inout State, to time: Int64) {
    let epoch = time / interval
    guard epoch > state.epoch else { return }
    if epoch - state.epoch > Self.stepsMax {
      state.root = Self.digest(state.root, "epoch \(epoch)")
      state.epoch = epoch
      state.previous = nil
      state.current = Self.key(state.root, expires: Self.end(of: epoch, interval))
      return
    }
    while state.epoch < epoch {
      let isLast = state.epoch == epoch - 1
      if isLast {
        state.previous = Self.key(
          state.root, expires: Self.end(of: epoch - 1, interval))
      }
      state.root = Self.digest(state.root, "next")
      state.epoch += 1
    }
    state.current = Self.key(state.root, expires: Self.end(of: epoch, interval))
  }

  /// When tickets of an interval are no longer opened, as far as a clock can tell.
  private static func end(of epoch: Int64, _ interval: Int64) -> Int64 {
    let (next, isLate) = epoch.addingReportingOverflow(2)
    let (time, isLater) = next.multipliedReportingOverflow(by: interval)
    return isLate || isLater ? .max : time
  }

  private static func key(_ root: [UInt8], expires: Int64) -> Key {
    Key(
      name: Array(digest(root, "name").prefix(16)), cipher: digest(root, "cipher"),
      mac: digest(root, "mac"), expires: expires)
  }

  private static func digest(_ key: [UInt8], _ label: String) -> [UInt8] {
    let text = Array(label.utf8)
    return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      let isDone = copenssl_hmac_sha256(
        key, key.count, text, text.count, buffer.baseAddress)
      precondition(isDone == 1, "the library has no HMAC-SHA-256")
      count = 32
    }
  }
}
