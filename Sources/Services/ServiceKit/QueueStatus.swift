/// How the queue and the processes around it are, for `martinet status`.
package struct QueueStatus: Equatable, Sendable {
  /// A process that the queue manager has a channel to, or itself.
  package struct Process: Equatable, Sendable {
    /// Which one.
    package var name: ProcessName
    /// Its process id.
    package var pid: Int32
    /// Deliveries that it has in hand.
    package var deliveries: UInt32

    /// Tells of a process.
    package init(name: ProcessName, pid: Int32, deliveries: UInt32) {
      self.name = name
      self.pid = pid
      self.deliveries = deliveries
    }
  }

  /// The processes, by role and number.
  package var processes: [Process]
  /// Messages not tried yet and waiting for room.
  package var incoming: UInt64
  /// Messages being delivered.
  package var active: UInt64
  /// Messages that wait for their next attempt.
  package var deferred: UInt64
  /// Messages that wait for a release.
  package var hold: UInt64

  /// Tells of processes and counts.
  package init(
    processes: [Process], incoming: UInt64, active: UInt64, deferred: UInt64, hold: UInt64
  ) {
    self.processes = processes
    self.incoming = incoming
    self.active = active
    self.deferred = deferred
    self.hold = hold
  }

  /// The answer's bytes.
  package var encoded: [UInt8] {
    var out = WireEncoder()
    out.put(UInt32(processes.count))
    for process in processes {
      out.put(process.name)
      out.put(process.pid)
      out.put(process.deliveries)
    }
    for count in [incoming, active, deferred, hold] { out.put(count) }
    return out.take()
  }

  /// Reads an answer.
  package init(decoding bytes: [UInt8]) throws(WireError) {
    let result = bytes.withUnsafeBytes { (bytes) -> Result<QueueStatus, WireError> in
      Result { () throws(WireError) in
        var input = WireDecoder(bytes)
        return QueueStatus(
          processes: try input.list { (input) throws(WireError) in
            Process(
              name: try input.processName(), pid: try input.integer(),
              deliveries: try input.integer())
          },
          incoming: try input.integer(), active: try input.integer(),
          deferred: try input.integer(), hold: try input.integer())
      }
    }
    self = try result.get()
  }
}
