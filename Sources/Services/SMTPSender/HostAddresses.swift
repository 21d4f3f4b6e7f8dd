import LinuxSystem
import Primitives
import Reactor
import SystemPackage

/// Asks the name services of the host (`/etc/hosts` and what else `nsswitch.conf` names) for the
/// addresses of servers, on a thread of its own, since they may block.
@ReactorActor
final class HostAddresses {
  /// Why there is no address; the text stands in the log.
  struct Failure: Error {
    let reason: String
  }

  /// Questions that may wait for their turn; more are refused at once.
  private static let depthMax = 200

  private var helper: HelperThread?

  nonisolated init() {}

  /// The addresses of a host, in the order in which they are to be tried; at least one.
  ///
  /// - Parameter families: those that are used.
  func find(
    _ name: String, of families: Set<IPAddress.Family>
  ) async throws(Failure) -> [IPAddress] {
    let helper = try started()
    guard helper.depth < Self.depthMax else {
      throw Failure(reason: "\(Self.depthMax) look-ups of names are waiting")
    }
    let found = await helper.perform {
      Result { () throws(NameService.Failure) in try NameService.addresses(ofHost: name) }
    }
    switch found {
    case .success(let addresses):
      let usable = addresses.filter { families.contains($0.family) }
      guard usable.isEmpty else { return usable }
      throw Failure(reason: "no address of \(name) is of the protocols in inet_protocols")
    case .failure(let failure): throw Failure(reason: failure.description)
    }
  }

  private func started() throws(Failure) -> HelperThread {
    if let helper { return helper }
    do throws(Errno) {
      let helper = try HelperThread(name: "host-names")
      self.helper = helper
      return helper
    } catch {
      throw Failure(reason: "cannot start a thread: \(error)")
    }
  }
}
