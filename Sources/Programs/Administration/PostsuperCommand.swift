import Configuration
import Glibc
import LinuxSystem
import MailTypes
import Primitives
import ServiceKit

/// `postsuper`, with Postfix's options for orders about messages.
///
/// The queue manager carries them out; while none runs, the command takes its lock and writes
/// them to the spool itself (spool rule R16).
package enum PostsuperCommand {
  /// Which messages an order is about.
  enum Target: Equatable {
    /// The message of this name.
    case id(String)
    /// The names that standard input has, one a line.
    case standardInput
    /// All messages of the queues that the command line ends with.
    case all
  }

  /// A command line that has been understood.
  struct Line: Equatable {
    var directory: String?
    var orders: [(order: QueueOrder, target: Target)] = []
    var queues: [String] = []

    static func == (left: Line, right: Line) -> Bool {
      left.directory == right.directory && left.queues == right.queues
        && left.orders.elementsEqual(right.orders) { $0.0 == $1.0 && $0.1 == $1.1 }
    }
  }

  /// Runs the command with the arguments behind its name; returns the exit status.
  package static func run(_ arguments: [String]) -> Int32 {
    do throws(ControlFailure) {
      let line = try parse(arguments)
      let states = try states(line.queues)
      let configuration = try loadForCommand(line.directory)
      guard !line.orders.isEmpty else { return 0 }
      try requireOwner(configuration)
      var desk: any OrderDesk = try openDesk(configuration)
      var tallies: [Tally] = []
      for step in steps(line.orders) { tallies.append(try carryOut(step, states, &desk)) }
      for tally in tallies {
        Output.error("postsuper: \(tally.order.summary(tally.done))")
        try desk.conclude(tally.order, tally.done)
      }
      let inFlight = tallies.reduce(0) { $0 + $1.inFlight }
      if inFlight > 0 {
        Output.error("postsuper: deliveries under way, whose results still count: \(inFlight)")
      }
      try desk.close()
      return 0
    } catch {
      Output.error("postsuper: fatal: \(error)")
      return 1
    }
  }

  /// Before the spool is touched it is said who may; the mail system judges again.
  private static func requireOwner(_ configuration: Configuration) throws(ControlFailure) {
    guard !Identity.isRoot else { return }
    let spool = try? Files.status(configuration[.queueDirectory] + "/segments")
    guard spool?.uid == Identity.uid else {
      throw ControlFailure(description: "use of this command is reserved for the superuser")
    }
  }

  private static func openDesk(_ configuration: Configuration) throws(ControlFailure)
    -> any OrderDesk
  {
    if let running = try RunningDesk.open(configuration) { return running }
    if let resting = try RestingDesk.open(configuration) { return resting }
    // It was started between the two.
    if let running = try RunningDesk.open(configuration) { return running }
    throw ControlFailure(
      description: "a queue manager uses the spool and cannot be reached: try again")
  }

  /// Orders of one kind, in the order in which Postfix takes them.
  private static func steps(
    _ orders: [(order: QueueOrder, target: Target)]
  ) -> [(order: QueueOrder, targets: [Target])] {
    [QueueOrder.requeue, .delete, .expire, .hold, .release].compactMap { order in
      let targets = orders.filter { $0.order == order }.map(\.target)
      return targets.isEmpty ? nil : (order, targets)
    }
  }

  private static func carryOut(
    _ step: (order: QueueOrder, targets: [Target]), _ states: Set<QueueListEntry.State>?,
    _ desk: inout any OrderDesk
  ) throws(ControlFailure) -> Tally {
    var tally = Tally(order: step.order)
    for target in step.targets where target != .all {
      try named(target) { (ids) throws(ControlFailure) in
        tally.tell(try desk.give(step.order, ids))
      }
    }
    if step.targets.contains(.all) {
      let queues = states ?? step.order.queues
      try desk.giveAll(step.order, queues) { tally.count($0) }
    }
    return tally
  }

  private struct Tally {
    let order: QueueOrder
    var done: UInt64 = 0
    var inFlight: UInt64 = 0

    mutating func tell(_ outcomes: [OrderOutcome]) {
      for outcome in outcomes where outcome.isDone {
        Output.error("postsuper: \(outcome.id): \(order.past)")
      }
      count(outcomes)
    }

    mutating func count(_ outcomes: [OrderOutcome]) {
      for outcome in outcomes where outcome.isDone {
        done += 1
        inFlight += UInt64(outcome.inFlight)
      }
    }
  }

  /// The names of a target, some at a time.
  private static func named(
    _ target: Target, _ give: ([QueueID]) throws(ControlFailure) -> Void
  ) throws(ControlFailure) {
    var ids: [QueueID] = []
    func add(_ text: String) throws(ControlFailure) {
      guard let id = QueueID(text: Array(text.utf8)) else {
        if !isPlausible(text) {
          Output.error("postsuper: warning: invalid mail queue id: \(printable(text))")
        }
        return
      }
      ids.append(id)
      guard ids.count == QueueCommand.idsMax else { return }
      try give(ids)
      ids.removeAll(keepingCapacity: true)
    }
    switch target {
    case .id(let text): try add(text)
    case .standardInput:
      var lines = InputLines(STDIN_FILENO)
      while let line = try lines.next() { try add(line) }
    case .all: break
    }
    if !ids.isEmpty { try give(ids) }
  }

  /// Whether Postfix would look for a file of this name.
  private static func isPlausible(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 100
      && text.utf8.allSatisfy {
        ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "_")
      }
  }

  private static func printable(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.append(peerText: Array(text.utf8))
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension PostsuperCommand {
  static func parse(_ arguments: [String]) throws(ControlFailure) -> Line {
    var line = Line()
    var rest = arguments[...]
    while let argument = rest.first, argument.hasPrefix("-"), argument.count > 1 {
      rest = rest.dropFirst()
      if argument == "--" { break }
      var letters = argument.dropFirst()
      while let letter = letters.popFirst() {
        // Nothing is left over that these could clean up: the queue manager does it at its start.
        if "psSv".contains(letter) { continue }
        guard "cdefhHr".contains(letter) else {
          Output.error("postsuper: invalid option -- '\(printable(String(letter)))'")
          throw ControlFailure(description: usage)
        }
        guard let value = letters.isEmpty ? rest.popFirst() : String(letters) else {
          Output.error("postsuper: option requires an argument -- '\(letter)'")
          throw ControlFailure(description: usage)
        }
        letters = ""
        add(letter, value, to: &line)
      }
    }
    line.queues = Array(rest)
    return line
  }

  private static func add(_ letter: Character, _ value: String, to line: inout Line) {
    let target: Target =
      value == "-" ? .standardInput : value == "ALL" ? .all : .id(value)
    switch letter {
    case "d": line.orders.append((.delete, target))
    case "e": line.orders.append((.expire, target))
    case "f": line.orders += [(.expire, target), (.release, target)]
    case "h": line.orders.append((.hold, target))
    case "H": line.orders.append((.release, target))
    case "r": line.orders.append((.requeue, target))
    default: line.directory = value
    }
  }

  /// The queues by their names; `nil` when none is named.
  static func states(
    _ names: [String]
  ) throws(ControlFailure) -> Set<QueueListEntry.State>? {
    var states: Set<QueueListEntry.State> = []
    for name in names {
      guard let state = QueueListEntry.State.allCases.first(where: { $0.queueName == name }) else {
        throw ControlFailure(description: "invalid directory name: \(printable(name))")
      }
      states.insert(state)
    }
    return names.isEmpty ? nil : states
  }

  private static var usage: String {
    "usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] "
      + "[-f queue_id (expire and/or un-hold)] [-h queue_id (hold)] [-H queue_id (un-hold)] "
      + "[-p (purge temporary files)] [-r queue_id (requeue)] [-s (structure fix)] "
      + "[-S (redundant structure fix)][-v (verbose)] [queue...]"
  }
}

extension QueueOrder {
  /// The queues that `ALL` stands for when none is named.
  fileprivate var queues: Set<QueueListEntry.State> {
    switch self {
    case .hold: [.incoming, .active, .deferred]
    case .release: [.hold]
    case .delete, .expire, .requeue: [.incoming, .active, .deferred, .hold]
    }
  }
}
