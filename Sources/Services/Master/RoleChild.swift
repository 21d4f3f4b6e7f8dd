import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import Streams
import SystemPackage

/// A living role process: its channel to `master` and the watch over its end.
@ReactorActor
final class RoleChild {
  let name: ProcessName
  let pid: Int32
  let channel: MessageChannel
  let startedAt: MonotonicTime
  /// What it shows of its life, and the descriptor by which it maps it.
  let page: LifePage
  let pageDescriptor: SharedDescriptor
  /// What `master` has seen of it.
  var pulse = Pulse()
  /// Whether it is being killed because it did not react.
  var isStuck = false
  var lastResort: Alarm?
  /// To `smtpd`: its row in the table of clients.
  var clientRow: Int?
  /// Whether it said that it serves.
  var isReady = false
  /// Whether it was told to leave.
  var isDraining = false
  /// Whether others have taken its place: it finishes what it has in hand.
  private(set) var isLeaving = false
  /// Whether it takes no new work any more.
  var hasRetired = false

  private let process: ChildProcess
  private let exit: Watched

  /// Starts `executable role <name>`; its end of the channel becomes descriptor 3.
  ///
  /// What is started is the file that runs here: another version may lie in its place by now.
  init(_ name: ProcessName, executable: String, environment: [String]) throws(Errno) {
    var pair = try Sockets.packetPair()
    let other = pair.takeSecond()
    let (page, pageDescriptor) = try SharedPage.make("\(name.role.rawValue)\(name.index)")
    self.page = LifePage(page)
    self.pageDescriptor = pageDescriptor
    let child = try ChildProcess.spawn(
      ThisProcess.executableLink, name: executable, arguments: ["role", name.role.rawValue],
      environment: environment,
      descriptors: [(parent: other.raw, child: RoleProcess.channelDescriptor)])
    self.name = name
    pid = child.pid
    startedAt = Reactor.shared.now
    do throws(Errno) {
      exit = try Watched(try child.exitDescriptor.duplicate())
      channel = MessageChannel(try PacketChannel(pair.takeFirst()))
    } catch {
      child.endAtOnce()
      throw error
    }
    process = child
  }

  /// Waits until the process has ended and tells how.
  func end() async -> ExitStatus {
    while true {
      // The only ways out of this wait are the end of the child and our own mistakes.
      try? await exit.readable(deadline: nil)
      if let status = try? process.reap() {
        // The description is shared with `process`: it has to be taken out of the loop by name.
        _ = exit.release()
        channel.close()
        return status
      }
    }
  }

  /// Asks the process to finish what it has in hand and leave.
  func drain() {
    guard !isDraining else { return }
    isDraining = true
    channel.post(.drain)
  }

  /// Asks the process to take no new work, finish what it has in hand within `time`, and leave.
  func retire(within time: Duration) {
    guard !isDraining, !isLeaving else { return }
    isLeaving = true
    channel.post(.retire(within: time))
  }

  /// Kills the process if it has not ended by itself.
  func end(after time: Duration, _ log: Log) {
    let alarm = Alarm { [weak self] in
      guard let self else { return }
      log.warning("master", "\(name.role.rawValue) pid \(pid) does not end: killing")
      kill()
    }
    lastResort = alarm
    alarm.schedule(at: Reactor.shared.now + time)
  }

  /// Has the process leave a memory dump, where the system wants one, and end.
  func abort() {
    _ = try? process.signal(6)
  }

  /// Ends the process at once.
  func kill() {
    _ = try? process.signal(9)
  }
}
