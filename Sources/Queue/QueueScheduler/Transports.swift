import DequeModule

/// A transport with its destinations that could deliver.
struct Transport {
  var name: [UInt8]
  var limits: TransportLimits
  /// The processes that deliver for it.
  var agents: Int
  /// Deliveries under way.
  var busy = 0
  /// Destinations that may have a parcel and room for a delivery, in turn.
  var ready: Deque<UInt32> = []

  func hasRoom(for more: Int) -> Bool {
    limits.deliveriesMax == 0 || busy + more <= limits.deliveriesMax
  }
}

/// Processes that do the same work, for one transport or several.
struct AgentGroup {
  var processes: [UInt16] = []
  /// Parcels of messages under which a process died: each is delivered alone.
  var suspects: Deque<UInt32> = []
  /// The process that is emptied for a suspect, or delivers one.
  var reserved: UInt16?
  /// Whether a suspect is being delivered now.
  var deliversSuspect = false
}

/// An agent process.
struct AgentProcess {
  var agents = 0
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
    let agents = agents(of: destination)
    let home = destinations[destination].home
    if let home, processes[Int(home)].room > 0, groups[agents].reserved != home,
      Int(destinations[destination].homeBusy) < settings.homeConcurrency
    {
      return home
    }
    guard let best = roomiestProcess(of: agents) else { return nil }
    if home == nil { destinations[destination].home = best }
    return best
  }

  func agents(of destination: UInt32) -> Int {
    transports[Int(destinations[destination].transport)].agents
  }

  func roomiestProcess(of agents: Int) -> UInt16? {
    var best: UInt16?
    var bestRoom = 0
    for process in groups[agents].processes
    where groups[agents].reserved != process && processes[Int(process)].room > bestRoom {
      best = process
      bestRoom = processes[Int(process)].room
    }
    return best
  }

  /// The process with the least to finish, to be emptied for a suspect.
  func emptiestProcess(of agents: Int) -> UInt16? {
    groups[agents].processes
      .filter { processes[Int($0)].credit > 0 }
      .min { processes[Int($0)].inFlight < processes[Int($1)].inFlight }
  }
}
