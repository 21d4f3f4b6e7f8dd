import LinuxSystem
import ServiceKit

/// Everything that the roles get from `master`, made anew from the configuration by each reload.
struct Provision {
  /// The processes, their sockets and their settings.
  var plan: ServicePlan
  /// The configuration in sealed memory.
  let configurationFile: SharedDescriptor
  /// Keys and certificates in sealed memory.
  let keyMaterialFile: SharedDescriptor
  /// Those of transports in sealed memory.
  let clientKeysFile: SharedDescriptor
  /// Where the `smtpd` processes show each other how busy they are.
  let loadBoard: SharedDescriptor
  /// Where the log goes.
  let logDescriptor: SharedDescriptor
  /// What its lines look like.
  let logKind: LogKind
}
