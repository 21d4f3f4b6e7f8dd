import LinuxSystem
import Primitives
import ServiceKit

/// Which processes run and what each is given, worked out from the configuration.
struct ServicePlan {
  /// A listening socket that `master` keeps open while roles come and go.
  struct Listener {
    let service: String
    let settings: UInt32
    let role: Role
    let socket: SharedDescriptor
  }

  /// The file name of the commands' socket.
  static let controlSocketName = "control"

  /// Every process, in the order of start.
  let processes: [ProcessName]
  /// `mail_owner`, or `nil` when everything runs as the caller.
  let user: UserIdentity?
  /// `service_throttle_time`.
  let throttleTime: Duration
  /// `drain_time`.
  let drainTime: Duration
  /// `reload_drain_time`.
  let reloadDrainTime: Duration
  /// `reload_generation_limit`.
  let reloadGenerationLimit: Int
  /// `service_watchdog_timeout`.
  let watchdogTimeout: Duration
  /// `service_start_timeout`.
  let startTimeout: Duration
  /// `smtpd_crash_refusal_time`.
  let crashRefusalTime: Duration
  /// `smtpd_crash_refusal_limit`.
  let crashRefusalLimit: Int
  /// The size of the serialized configuration in bytes.
  let configurationSize: UInt64
  /// The size of the keys and certificates for servers, in bytes.
  let keyMaterialSize: UInt64
  /// The size of the keys, certificates and authorities for clients, in bytes.
  let clientKeysSize: UInt64
  /// `-o` settings, to which services refer by index.
  let serviceSettings: [[[String]]]
  /// All listening sockets.
  var listeners: [Listener]
  /// Services of `master.cf` that deliver: the transport names and their settings, by role.
  let transports: [Role: [StartRecord.Listener]]

  /// How many `smtpd` processes there are.
  var receiverCount: Int { processes.count { $0.role == .smtpd } }

  /// The services for which a role listens, each once, in the order of its first listener.
  func services(of role: Role) -> [String] {
    LoadBoard.services(of: listeners(of: role).map(\.service))
  }

  func listeners(of role: Role) -> [Listener] { listeners.filter { $0.role == role } }

  /// The transports that a role serves; `qmgr` hears of all, to know which role serves each.
  func transports(of role: Role) -> [StartRecord.Listener] {
    role == .qmgr ? Role.allCases.flatMap { transports[$0] ?? [] } : transports[role] ?? []
  }

  /// The processes for the given numbers of receivers and senders.
  ///
  /// A name stands for one living process, so those of a new generation take the lowest numbers
  /// that are free; there is only ever one `qmgr` (spool rule R16).
  ///
  /// - Parameter taken: the names that other generations have.
  static func processes(
    receivers: Int, senders: Int, taken: Set<ProcessName> = []
  ) -> [ProcessName] {
    func free(_ role: Role, _ count: Int) -> [ProcessName] {
      let all = (UInt32(0)...).lazy.map { ProcessName(role: role, index: $0) }
      return Array(all.filter { !taken.contains($0) }.prefix(count))
    }
    return [ProcessName(role: .qmgr, index: 0)] + free(.control, 1) + free(.smtpd, receivers)
      + free(.smtp, senders) + free(.local, 1)
  }
}
