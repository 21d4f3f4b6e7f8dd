import MailTypes
import Primitives
import SASL
import SMTPClientCore
import ServiceKit

/// Connections are shared by deliveries of one transport to one next hop under one policy of TLS
/// and with one login.
struct DestinationKey: Hashable, Sendable {
  let transport: String
  let nextHop: String
  /// Who this host is there; `nil` where it is nobody.
  let login: SASLLogin?
  private let policy: PolicyIdentity

  init(
    _ request: DeliveryRequest, _ agreement: TransportSecurity.Agreement, login: SASLLogin?
  ) {
    self.login = login
    transport = request.transport
    nextHop = request.nextHop
    policy = agreement.identity
  }
}

extension NextHop {
  /// The name or address without brackets and port; `nil` for a socket of this machine.
  var name: String? {
    switch host {
    case .address(let address): address.description
    case .host(let name), .domain(let name): name
    case .unix: nil
    }
  }
}

extension PeerName {
  /// How the log names the server at a next hop.
  ///
  /// - Parameters:
  ///   - address: the address of a host that the next hop names.
  ///   - myhostname: stands for the host of a socket.
  init(_ hop: NextHop, at address: IPAddress? = nil, destination: String, myhostname: String) {
    let host: String
    let place: String
    switch hop.host {
    case .address(let ip):
      host = ip.description
      place = ip.description
    case .host(let name), .domain(let name):
      host = name
      place = address?.description ?? "unknown"
    case .unix(let path):
      host = myhostname
      place = path
    }
    self.init(
      host: host, address: place, port: hop.port, destination: destination,
      detectsLoop: hop.port == 25)
  }
}

extension RecipientResult.Outcome {
  /// The outcome as it is told to `qmgr`.
  var verdict: RecipientVerdict.Outcome {
    switch self {
    case .sent: .sent
    case .deferred: .deferred
    case .bounced: .bounced
    }
  }
}
