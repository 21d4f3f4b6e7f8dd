import Glibc
import LinuxSystem
import Primitives
package import SystemPackage

/// The service manager that started this process, as far as there is one: sockets that it opened,
/// and what it wants to hear (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)).
///
/// Both protocols are a few environment variables and datagrams, and stable: they are spoken here
/// without libsystemd, which would bring seven libraries into every role process.
package struct ServiceManager: Sendable {
  /// The variables of the protocols.
  private enum Variable: String, CaseIterable {
    case notifySocket = "NOTIFY_SOCKET"
    case listenPID = "LISTEN_PID"
    case listenCount = "LISTEN_FDS"
    case listenNames = "LISTEN_FDNAMES"
    case watchdogTime = "WATCHDOG_USEC"
    case watchdogPID = "WATCHDOG_PID"
  }

  /// The number of the first descriptor that is handed over.
  package static let firstDescriptor: Int32 = 3
  /// More descriptors than any configuration has sockets.
  private static let descriptorCountMax = 1024

  private let notifySocket: String?
  /// How many descriptors were handed over, from `firstDescriptor` on.
  package let descriptorCount: Int
  /// The names of the descriptors (`FileDescriptorName=`), one for each; `unknown` where the
  /// manager gave none.
  package let descriptorNames: [String]
  /// Within which time `WATCHDOG=1` must come again and again; `nil` when nobody waits for it.
  package let watchdogTime: Duration?

  /// Reads what the environment says to the process `pid`; what is meant for another process, or
  /// makes no sense, is as if it were not there.
  package init(environment: [String: String], pid: Int32) {
    func value(_ variable: Variable) -> String? { environment[variable.rawValue] }
    func isForUs(_ variable: Variable) -> Bool { value(variable) == "\(pid)" }

    notifySocket = value(.notifySocket).flatMap { $0.isEmpty ? nil : $0 }
    let count = isForUs(.listenPID) ? value(.listenCount).flatMap { Int($0) } ?? 0 : 0
    descriptorCount = (0...Self.descriptorCountMax).contains(count) ? count : 0
    let names = value(.listenNames)?.split(separator: ":", omittingEmptySubsequences: false)
    if let names, names.count == descriptorCount {
      descriptorNames = names.map(String.init)
    } else {
      descriptorNames = Array(repeating: "unknown", count: descriptorCount)
    }
    let isWatched = value(.watchdogPID) == nil || isForUs(.watchdogPID)
    let microseconds = isWatched ? value(.watchdogTime).flatMap { Int64($0) } ?? 0 : 0
    watchdogTime = microseconds > 0 ? .microseconds(microseconds) : nil
  }

  /// Reads the environment of this process and takes the variables out of it. To be called once,
  /// before any thread is started.
  package static func take() -> ServiceManager {
    var environment: [String: String] = [:]
    for variable in Variable.allCases {
      guard let value = getenv(variable.rawValue) else { continue }
      environment[variable.rawValue] = String(cString: value)
      unsetenv(variable.rawValue)
    }
    return ServiceManager(environment: environment, pid: ThisProcess.pid)
  }

  /// Whether anybody listens to `notify`.
  package var isListening: Bool { notifySocket != nil }

  /// Tells the manager something; a datagram, which is never waited for.
  ///
  /// - Throws: what keeps the manager from hearing it. There is nobody to tell when
  ///   `isListening` is false, and that is no error.
  package func notify(_ messages: [Notification]) throws(Errno) {
    guard let notifySocket else { return }
    let socket = try Sockets.connectDatagrams(notifySocket)
    var text = messages.map(\.text).joined(separator: "\n")
    let outcome = text.withUTF8 { Sockets.send(socket.raw, UnsafeRawBufferPointer($0)) }
    switch outcome {
    case .count: return
    case .wouldBlock, .ended: throw Errno.wouldBlock
    case .failed(let error): throw error
    }
  }
}

extension ServiceManager {
  /// Something for the manager to know.
  package enum Notification: Equatable, Sendable {
    /// The service serves: after the start, and after a reload.
    case ready
    /// The service reads its configuration anew.
    case reloading
    /// The service is on its way out.
    case stopping
    /// One line for whoever asks how the service is.
    case status(String)
    /// The service is alive.
    case watchdog
    /// The main process, where it is not the one that was started.
    case mainProcess(Int32)

    var text: String {
      switch self {
      case .ready: "READY=1"
      case .reloading:
        // Type=notify-reload wants to know when, on the same clock.
        "RELOADING=1\nMONOTONIC_USEC=\(Clocks.monotonicNow().nanoseconds / 1000)"
      case .stopping: "STOPPING=1"
      case .status(let text):
        "STATUS=\(text.split(whereSeparator: \.isNewline).joined(separator: " "))"
      case .watchdog: "WATCHDOG=1"
      case .mainProcess(let pid): "MAINPID=\(pid)"
      }
    }
  }
}
