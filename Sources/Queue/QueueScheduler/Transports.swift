import DequeModule

/// A transport with its destinations that could deliver and the processes that do it.
struct Transport {
  var name: [UInt8]
  var limits: TransportLimits
  var processes: [UInt16] = []
  /// Destinations that may have a parcel and room for a delivery, in turn.
  var ready: Deque<UInt32> = []
  /// Parcels of messages under which a process died: each is delivered alone.
  var suspects: Deque<UInt32> = []
  /// The process that is emptied for a suspect, or delivers one.
  var reserved: UInt16?
  /// Whether a suspect is being delivered now.
  var deliversSuspect = false
}

/// An agent process.
struct AgentProcess {
  var transport: UInt16 = 0
  /// Deliveries it takes at once (spool rule R27).
  var credit = 0
  var inFlight = 0
  var isPresent = false

  var room: Int { credit - inFlight }
}

extension QueueScheduler {
  /// The process for a destination's next delivery: its home as long as that bears it, else the
  /// one with the most room.
  mutating func pickProcess(for destination: UInt32) -> UInt16? {
    let transport = Int(destinations[destination].transport)
    let home = destinations[destination].home
    if let home, processes[Int(home)].room > 0, transports[transport].reserved != home,
      Int(destinations[destination].homeBusy) < settings.homeConcurrency
    {
      return home
    }
    guard let best = roomiestProcess(of: transport) else { return nil }
    if home == nil { destinations[destination].home = best }
    return best
  }

  func roomiestProcess(of transport: Int) -> UInt16? {
    var best: UInt16?
    var bestRoom = 0
    for process in transports[transport].processes
    where transports[transport].reserved != process && processes[Int(process)].room > bestRoom {
      best = process
      bestRoom = processes[Int(process)].room
    }
    return best
  }

  /// The process with the least to finish, to be emptied for a suspect.
  func emptiestProcess(of transport: Int) -> UInt16? {
    transports[transport].processes
      .filter { processes[Int($0)].credit > 0 }
      .min { processes[Int($0)].inFlight < processes[Int($1)].inFlight }
  }
}
