import Primitives

/// Which sockets a configuration needs: those that are open, those to open, those to close.
struct ListenerDifference: Equatable {
  /// Where a socket listens.
  struct Place: Hashable {
    let address: IPAddress
    let port: UInt16
  }

  /// Endpoints whose socket is open.
  private(set) var kept: [ListenerPlan.Endpoint] = []
  /// Endpoints whose socket is to be opened.
  private(set) var added: [ListenerPlan.Endpoint] = []
  /// Places where nothing is wanted any more.
  private(set) var removed: Set<Place>

  /// - Parameters:
  ///   - open: where sockets are open.
  ///   - wanted: what the configuration asks for.
  init(open: some Sequence<Place>, wanted: [ListenerPlan.Endpoint]) {
    removed = Set(open)
    for endpoint in wanted {
      // A place that is wanted twice is opened twice: the system says what is wrong with that.
      if removed.remove(endpoint.place) != nil {
        kept.append(endpoint)
      } else {
        added.append(endpoint)
      }
    }
  }
}

extension ListenerPlan.Endpoint {
  /// Where its socket listens.
  var place: ListenerDifference.Place { .init(address: address, port: port) }
}
