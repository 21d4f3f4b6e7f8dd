import Foundation
package import Glibc

/// A process of a server under test, as `/proc` shows it.
package struct RunningProcess: Sendable, Hashable {
  /// The process id.
  package let pid: pid_t
  /// The process id of its parent.
  package let parent: pid_t
  /// The arguments it was started with.
  package let arguments: [String]
  /// When it was started, in clock ticks since the machine was.
  private let startTime: UInt64

  /// Reads a process; `nil` when there is none, or it has ended.
  package init?(pid: pid_t) {
    guard let stat = Self.read("/proc/\(pid)/stat"),
      // The name in parentheses may hold anything; the last one closes it.
      let fields = stat.split(separator: ")").last?.split(separator: " "), fields.count > 2,
      fields[0] != "Z", let parent = pid_t(fields[1]),
      fields.count > 19, let startTime = UInt64(fields[19]),
      let command = Self.read("/proc/\(pid)/cmdline")
    else { return nil }
    self.pid = pid
    self.parent = parent
    self.startTime = startTime
    arguments = command.split(separator: "\0").map(String.init)
  }

  /// The living process and all that descend from it.
  package static func family(of root: pid_t) -> [RunningProcess] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    let all = names.compactMap { pid_t($0) }.compactMap { RunningProcess(pid: $0) }
    var members: Set<pid_t> = [root]
    var found = all.filter { $0.pid == root }
    while true {
      let more = all.filter { members.contains($0.parent) && !members.contains($0.pid) }
      if more.isEmpty { return found }
      found += more
      members.formUnion(more.map(\.pid))
    }
  }

  /// Whether it still runs, be it as an orphan.
  package var isAlive: Bool { RunningProcess(pid: pid)?.startTime == startTime }

  /// Waits until none of the processes runs any more; false when some still do at the deadline.
  package static func waitForEnd(of processes: [RunningProcess], until deadline: Deadline) -> Bool {
    // The kernel tells only a parent of an end; this is somebody else's child.
    wait(until: deadline) { !processes.contains(where: \.isAlive) }
  }

  /// Waits until something is so of which nobody tells; false when it is not at the deadline.
  package static func wait(until deadline: Deadline, _ isSo: () -> Bool) -> Bool {
    let clock = Monitor(())
    while !isSo() {
      if deadline.hasPassed { return false }
      clock.pause(.milliseconds(10))
    }
    return true
  }

  /// Kills it at once.
  package func kill() { send(SIGKILL) }

  /// Sends a signal.
  package func send(_ signal: Int32) { Glibc.kill(pid, signal) }

  /// The words of a line of `/proc/PID/status`, such as `Uid` or `NoNewPrivs`.
  package func status(_ name: String) -> [String] {
    let text = Self.read("/proc/\(pid)/status") ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
    return (line ?? "").split(whereSeparator: \.isWhitespace).dropFirst().map(String.init)
  }

  /// The names of its threads but the first, which the process itself runs on.
  package var helperNames: [String] {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
    return tasks.filter { $0 != "\(pid)" }.compactMap { task in
      Self.read("/proc/\(pid)/task/\(task)/comm")?.split(separator: "\n").first.map(String.init)
    }
  }

  /// Proportional set size in bytes: its own memory and its share of what it shares.
  package var memory: Int {
    let text = Self.read("/proc/\(pid)/smaps_rollup") ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
  }

  /// Open descriptors.
  package var descriptors: Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0
  }

  /// The inodes of the messages in memory that it has open, one for each descriptor.
  package var memoryFiles: [UInt64] {
    let folder = "/proc/\(pid)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { name in
      let path = "\(folder)/\(name)"
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
      var status = stat()
      guard target?.hasPrefix("/memfd:message") == true, stat(path, &status) == 0 else {
        return nil
      }
      return UInt64(status.st_ino)
    }
  }

  /// Threads.
  package var threads: Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").count) ?? 0
  }

  /// CPU time of its threads so far, user and system, in clock ticks of 10 ms.
  package var cpuTicks: Int {
    let fields = Self.read("/proc/\(pid)/stat")?.split(separator: ")").last?.split(separator: " ")
    guard let fields, fields.count > 12 else { return 0 }
    return (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)
  }

  private static func read(_ path: String) -> String? {
    (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) }
  }
}
