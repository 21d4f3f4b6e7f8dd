import LinuxSystem
import LookupTables
import Primitives
import Reactor
import ServiceKit

/// Asks the name services of the host (`/etc/hosts` and what else `nsswitch.conf` names) for the
/// addresses of servers, on a thread of its own, since they may block.
@ReactorActor
final class HostAddresses {
  /// Why there is no address; the text stands in the log.
  struct Failure: Error {
    let reason: String
  }

  private let thread: LookupThread

  /// - Parameters:
  ///   - depthMax: questions that may wait for their turn; more are refused at once.
  ///   - timeout: how long an answer may take.
  init(depthMax: Int, timeout: Duration) {
    thread = LookupThread(name: "host-names", depthMax: depthMax, timeout: timeout)
  }

  /// The addresses of a host, in the order in which they are to be tried; at least one.
  ///
  /// - Parameter families: those that are used.
  func find(
    _ name: String, of families: Set<IPAddress.Family>
  ) async throws(Failure) -> [IPAddress] {
    let addresses: [IPAddress]
    do throws(LookupError) {
      addresses = try await thread.value(of: name) {
        Result { () throws(NameService.Failure) in try NameService.addresses(ofHost: name) }
          .mapError { .failed(table: name, reason: $0.description) }
      }
    } catch {
      throw Failure(reason: error.reason)
    }
    let usable = addresses.filter { families.contains($0.family) }
    guard usable.isEmpty else { return usable }
    throw Failure(
      reason: addresses.isEmpty
        ? "\(name) has no address" : "no address of \(name) is of the protocols in inet_protocols")
  }
}
