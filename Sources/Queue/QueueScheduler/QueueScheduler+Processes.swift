package import Primitives

/// The agent processes that deliver.
extension QueueScheduler {
  /// Takes in a process that accepts up to `credit` deliveries at once (rule R27).
  package mutating func addProcess(to agents: AgentGroupNumber, credit: Int) -> ProcessNumber {
    let process = AgentProcess(agents: agents.value, credit: credit, isPresent: true)
    let number: Int
    if let free = processes.firstIndex(where: { !$0.isPresent }) {
      number = free
      processes[number] = process
    } else {
      number = processes.count
      processes.append(process)
    }
    groups[agents.value].processes.append(UInt16(number))
    return ProcessNumber(value: UInt16(number))
  }

  /// Changes how many deliveries a process accepts at once; 0 lets it run dry.
  package mutating func setCredit(_ credit: Int, of process: ProcessNumber) {
    guard processes[Int(process.value)].credit != credit else { return }
    processes[Int(process.value)].credit = credit
    guard credit == 0 else { return }
    let agents = processes[Int(process.value)].agents
    releaseReservation(of: agents)
    releaseHome(process.value)
  }

  /// Destinations that stick to a process find another home. Takes a step for each delivery and
  /// destination.
  private mutating func releaseHome(_ process: UInt16) {
    for flight in flights.slots
    where flights[flight].active != noSlot && flights[flight].process == process {
      flights[flight].isAtHome = false
    }
    for destination in destinations.indices where destinations[destination].home == process {
      destinations[destination].home = nil
      destinations[destination].homeBusy = 0
    }
  }

  /// Counts a delivery as another process's from now on: its result is known, and it shall not end
  /// with the process that made it.
  package mutating func transfer(_ number: DeliveryNumber, to process: ProcessNumber) {
    let flight = UInt32(truncatingIfNeeded: number.rawValue) & Flight.slotMask
    precondition(
      flights.slots.contains(flight) && flights[flight].number == number.rawValue,
      "a delivery is transferred that is not under way")
    let former = Int(flights[flight].process)
    processes[former].inFlight -= 1
    if flights[flight].isAtHome {
      destinations[flights[flight].destination].homeBusy -= 1
      flights[flight].isAtHome = false
    }
    flights[flight].process = process.value
    processes[Int(process.value)].inFlight += 1
  }

  /// Drops a process. What it had in hand comes back after `backoffMin` to be delivered alone, or
  /// is held after too many deaths (rule R19). Takes a step for each delivery and destination.
  package mutating func removeProcess(_ process: ProcessNumber, now: MonotonicTime) -> [EndedRun] {
    let number = process.value
    let agents = processes[Int(number)].agents
    var victims: [UInt32] = []
    for flight in flights.slots where flights[flight].active != noSlot {
      if flights[flight].process == number { victims.append(land(flight).active) }
    }
    groups[agents].processes.removeAll { $0 == number }
    if groups[agents].reserved == number {
      groups[agents].reserved = nil
      groups[agents].deliversSuspect = false
    }
    processes[Int(number)] = AgentProcess()
    for destination in destinations.indices where destinations[destination].home == number {
      destinations[destination].home = nil
      destinations[destination].homeBusy = 0
    }
    return Set(victims).compactMap { message in
      let slot = active[message].slot
      let ref = index.ref(slot)
      index[slot].deaths = index[slot].deaths == .max ? .max : index[slot].deaths + 1
      active[message].isInterrupted = true
      withdrawParcels(of: message)
      return endRunIfOver(message, now: now).map { EndedRun(message: ref, end: $0) }
    }
  }
}
