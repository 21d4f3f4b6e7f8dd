import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import ServiceManager
import SystemPackage

/// The sockets that the roles listen on: those of the service manager, and those opened here.
extension MasterProcess {
  /// How long a listening address may be in use by processes of a life before.
  private static let bindPatience: Duration = .seconds(10)
  private static let bindPause: Duration = .milliseconds(100)

  func listeners(
    _ plan: ListenerPlan, owner: Account?, log: Log
  ) async throws(Failure) -> [ServicePlan.Listener] {
    let (sockets, offers) = try takeSockets()
    let assignment = SocketAssignment(endpoints: plan.endpoints, offers: offers)
    for number in assignment.unused {
      let offer = offers[number]
      log.warning(
        "master",
        "the service manager's socket \(offer.name) at \(offer.address) port \(offer.port) "
          + "belongs to no service of master.cf")
    }
    var listeners = [try controlListener(owner)]
    listeners += assignment.uses.map {
      ServicePlan.Listener(
        service: $0.service, settings: $0.settings, role: .smtpd, socket: sockets[$0.offer])
    }
    for endpoint in assignment.missing {
      let socket = try await bind(endpoint)
      listeners.append(
        ServicePlan.Listener(
          service: endpoint.service, settings: endpoint.settings, role: .smtpd, socket: socket))
    }
    return listeners
  }

  private func takeSockets() throws(Failure) -> ([SharedDescriptor], [SocketAssignment.Offer]) {
    var sockets: [SharedDescriptor] = []
    var offers: [SocketAssignment.Offer] = []
    do throws(Errno) {
      for socket in try serviceManager.takeSockets() {
        guard case .ip(let address, let port) = socket.address else {
          throw Errno.addressFamilyNotSupported
        }
        sockets.append(socket.descriptor)
        offers.append(
          SocketAssignment.Offer(
            name: socket.name, address: address, port: port,
            takesV4: try Sockets.listensToV4(socket.descriptor.raw)))
      }
    } catch {
      throw Failure(
        description: "cannot use the sockets of the service manager: \(error); "
          + "each must be a listening TCP socket (ListenStream=, Accept=no)")
    }
    return (sockets, offers)
  }

  private func controlListener(_ owner: Account?) throws(Failure) -> ServicePlan.Listener {
    let path = root + "/" + SpoolDirectories.sockets + "/" + ServicePlan.controlSocketName
    do throws(Errno) {
      do throws(Errno) {
        try Files.unlink(path)
      } catch .noSuchFileOrDirectory {}
      let socket = try Sockets.listenUnix(path, mode: 0o666, backlog: 64)
      if let owner { try Files.setOwner(path, uid: owner.uid, gid: owner.gid) }
      return ServicePlan.Listener(
        service: "control", settings: 0, role: .control, socket: SharedDescriptor(socket))
    } catch {
      throw Failure(description: "cannot listen on \(path): \(error)")
    }
  }

  /// Opens a listening socket. Processes of a master that was killed close theirs within moments:
  /// until then the address is in use.
  private func bind(_ endpoint: ListenerPlan.Endpoint) async throws(Failure) -> SharedDescriptor {
    let deadline = Reactor.shared.now + Self.bindPatience
    while true {
      do throws(Errno) {
        return SharedDescriptor(
          try Sockets.listenTCP(
            endpoint.address, port: endpoint.port, backlog: ListenerPlan.backlog))
      } catch {
        let place = "\(endpoint.address) port \(endpoint.port)"
        guard error == .addressInUse, Clocks.monotonicNow() < deadline else {
          throw Failure(description: "cannot listen on \(place): \(error)")
        }
      }
      try? await sleep(until: Clocks.monotonicNow() + Self.bindPause)
    }
  }
}
