import LinuxSystem
import Primitives
import Reactor
import ServiceKit
import ServiceManager
import SystemPackage

/// The sockets that `master` holds: those of the service manager, and those opened here.
struct ListeningSockets {
  /// What the service manager handed over, whether or not a service has it now.
  let offers: [SocketAssignment.Offer]
  /// The sockets of the offers.
  let offered: [SharedDescriptor]
  /// Where commands come in.
  let control: SharedDescriptor
  /// What was opened here.
  var own: [ListenerDifference.Place: SharedDescriptor] = [:]
}

/// Opening and keeping the sockets that the roles listen on.
extension MasterProcess {
  /// How long a listening address may be in use by processes of a life before.
  static let bindPatience: Duration = .seconds(10)
  private static let bindPause: Duration = .milliseconds(100)

  /// Takes over the service manager's sockets and opens that of the commands.
  func firstSockets(_ owner: Account?) throws(Failure) -> ListeningSockets {
    let (sockets, offers) = try takeSockets()
    return ListeningSockets(
      offers: offers, offered: sockets, control: try controlSocket(owner))
  }

  /// The listeners of a plan: a socket that is open stays open, and what is there now is not
  /// touched before the plan is in force.
  ///
  /// - Returns: the listeners, and the sockets to hold once they serve.
  func listeners(
    _ plan: ListenerPlan, _ sockets: ListeningSockets, patience: Duration, log: Log
  ) async throws(Failure) -> ([ServicePlan.Listener], ListeningSockets) {
    let assignment = SocketAssignment(endpoints: plan.endpoints, offers: sockets.offers)
    for number in assignment.unused {
      let offer = sockets.offers[number]
      log.warning(
        "master",
        "the service manager's socket \(offer.name) at \(offer.address) port \(offer.port) "
          + "belongs to no service of master.cf")
    }
    let difference = ListenerDifference(open: sockets.own.keys, wanted: assignment.missing)
    var listeners = [
      ServicePlan.Listener(
        service: "control", settings: 0, role: .control, socket: sockets.control)
    ]
    listeners += assignment.uses.map {
      ServicePlan.Listener(
        service: $0.service, settings: $0.settings, role: .smtpd,
        socket: sockets.offered[$0.offer])
    }
    var held = sockets
    held.own = [:]
    for endpoint in difference.kept { held.own[endpoint.place] = sockets.own[endpoint.place] }
    for endpoint in difference.added {
      let rivals = difference.removed.filter { $0.port == endpoint.port }
        .compactMap { sockets.own[$0] }
      do throws(Errno) {
        held.own[endpoint.place] = try await bind(endpoint, beside: rivals, patience: patience)
      } catch {
        throw Failure(
          description: "\(plan.locations[Int(endpoint.settings)]): service \(endpoint.service): "
            + "cannot listen on \(endpoint.address) port \(endpoint.port): \(error)")
      }
    }
    listeners += assignment.missing.compactMap { endpoint in
      held.own[endpoint.place].map {
        ServicePlan.Listener(
          service: endpoint.service, settings: endpoint.settings, role: .smtpd, socket: $0)
      }
    }
    return (listeners, held)
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

  private func controlSocket(_ owner: Account?) throws(Failure) -> SharedDescriptor {
    let path = root + "/" + SpoolDirectories.sockets + "/" + ServicePlan.controlSocketName
    do throws(Errno) {
      do throws(Errno) {
        try Files.unlink(path)
      } catch .noSuchFileOrDirectory {}
      let socket = try Sockets.listenUnix(path, mode: 0o666, backlog: 64)
      if let owner { try Files.setOwner(path, uid: owner.uid, gid: owner.gid) }
      return SharedDescriptor(socket)
    } catch {
      throw Failure(description: "cannot listen on \(path): \(error)")
    }
  }

  /// Opens a listening socket. Processes of a master that was killed close theirs within moments:
  /// until then the address is in use.
  ///
  /// - Parameter rivals: sockets at the same port that will be closed. The system lets none of them
  ///   overlap with a new one, such as all addresses with one of them, unless both agree.
  private func bind(
    _ endpoint: ListenerPlan.Endpoint, beside rivals: [SharedDescriptor], patience: Duration
  ) async throws(Errno) -> SharedDescriptor {
    let deadline = Reactor.shared.now + patience
    while true {
      do throws(Errno) {
        for rival in rivals { try Sockets.setReusePort(rival.raw, true) }
        let socket = try Sockets.listenTCP(
          endpoint.address, port: endpoint.port, backlog: ListenerPlan.backlog,
          reusePort: !rivals.isEmpty)
        if !rivals.isEmpty { try Sockets.setReusePort(socket.raw, false) }
        for rival in rivals { try Sockets.setReusePort(rival.raw, false) }
        return SharedDescriptor(socket)
      } catch {
        for rival in rivals { try? Sockets.setReusePort(rival.raw, false) }
        guard error == .addressInUse, Clocks.monotonicNow() < deadline else { throw error }
      }
      try? await sleep(until: Clocks.monotonicNow() + Self.bindPause)
    }
  }
}
