/// How much TLS a connection is to have.
package struct ClientSecurity: Sendable, Equatable {
  /// Whether TLS is wanted.
  package enum Demand: Sendable {
    /// It is not used.
    case none
    /// It is used where the server offers it.
    case optional
    /// Nothing is sent without it.
    case mandatory
  }

  /// Whether TLS is wanted.
  package let demand: Demand
  /// Whether the connection begins with it.
  package let isWrapped: Bool

  /// Says what is wanted.
  package init(_ demand: Demand, isWrapped: Bool = false) {
    precondition(!isWrapped || demand == .mandatory, "what begins with TLS cannot do without")
    self.demand = demand
    self.isWrapped = isWrapped
  }

  /// No TLS.
  package static let plaintext = ClientSecurity(.none)
}
