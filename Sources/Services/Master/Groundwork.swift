import LinuxSystem
import ServiceKit
import TLSEngine
import TLSPolicy

/// What `master` finds out about a configuration before it starts or changes anything.
struct Groundwork: Sendable {
  /// `mail_owner`, or `nil` when everything runs as the caller.
  let owner: Account?
  /// The sockets that the services listen on, and their settings.
  let listenerPlan: ListenerPlan
  /// Keys and certificates for the servers, as `TLSPolicy` writes them.
  let keys: [UInt8]
  /// Keys, certificates and authorities for the clients.
  let clientKeys: [UInt8]

  /// Looks up names and reads keys, which may block: not on a reactor.
  ///
  /// - Parameter ticketSecret: what session tickets are sealed with, the same after a reload.
  init(
    _ files: ConfigurationFiles, ticketSecret: TicketSecret?
  ) throws(MasterProcess.Failure) {
    owner = try MasterProcess.mailOwner(files.configuration)
    listenerPlan = try MasterProcess.listenerPlan(files)
    keys = try ServerKeys.read(for: files, ticketSecret: ticketSecret).serialized()
    clientKeys = try ServerKeys.readClientKeys(for: files).serialized()
  }
}
