package import Primitives

/// Clients that are not served for a while, because a process died at their input (spool rule
/// R38). `master` decides who they are, every `smtpd` keeps a copy.
package struct RefusedClients: Sendable {
  /// A client and the end of its time.
  package struct Entry: Equatable, Sendable {
    /// The client.
    package let address: IPAddress
    /// When it is served again; the monotonic clock is the same for all processes of a host.
    package let until: MonotonicTime

    /// Refuses a client until a time.
    package init(address: IPAddress, until: MonotonicTime) {
      self.address = address
      self.until = until
    }

    func encode(into out: inout WireEncoder) {
      out.put(address.family == .v6)
      out.put(address.high)
      out.put(address.low)
      out.put(until.nanoseconds)
    }

    init(from input: inout WireDecoder) throws(WireError) {
      let isV6 = try input.bool()
      let high: UInt64 = try input.integer()
      let low: UInt64 = try input.integer()
      address =
        isV6
        ? IPAddress(v6High: high, v6Low: low)
        : IPAddress(v4: UInt32(truncatingIfNeeded: high >> 32))
      until = MonotonicTime(nanoseconds: try input.integer())
    }
  }

  private let limit: Int
  private var ends: [IPAddress: MonotonicTime] = [:]

  /// An empty list for at most `limit` clients (`smtpd_crash_refusal_limit`).
  package init(limit: Int) { self.limit = max(limit, 1) }

  /// Adds a client, or sets its end anew. When the list is full, those go whose time is over, or
  /// else the one whose time is over first.
  package mutating func add(_ entry: Entry, now: MonotonicTime) {
    if ends[entry.address] == nil, ends.count >= limit {
      ends = ends.filter { $0.value > now }
      if ends.count >= limit, let first = ends.min(by: { $0.value < $1.value }) {
        ends[first.key] = nil
      }
    }
    ends[entry.address] = entry.until
  }

  /// How much longer a client is refused; `nil` when it is served.
  package mutating func timeLeft(of address: IPAddress, now: MonotonicTime) -> Duration? {
    guard !ends.isEmpty, let end = ends[address] else { return nil }
    guard end > now else {
      ends[address] = nil
      return nil
    }
    return end.since(now)
  }

  /// The clients that are refused at `now`.
  package func entries(at now: MonotonicTime) -> [Entry] {
    ends.filter { $0.value > now }.map { Entry(address: $0.key, until: $0.value) }
  }
}
