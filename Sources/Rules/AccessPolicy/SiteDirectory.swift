package import MailTypes
package import Primitives

/// How mail for a domain is to be treated (Postfix's address classes).
package enum DomainClass: Sendable {
  /// `mydestination`, `inet_interfaces`, `proxy_interfaces`.
  case local
  /// `virtual_alias_domains`.
  case virtualAlias
  /// `virtual_mailbox_domains`.
  case virtualMailbox
  /// `relay_domains`.
  case relay
  /// Everywhere else.
  case other
}

/// Why mail for an address can go nowhere.
package struct DeliveryFailure: Equatable, Sendable {
  /// What the `error` or `retry` transport is told to say; it may begin with an enhanced status.
  package let text: String
  /// Whether it is `retry`: the client should come back.
  package let isTemporary: Bool

  /// Makes a reason.
  package init(_ text: String, isTemporary: Bool) {
    self.text = text
    self.isTemporary = isTemporary
  }
}

/// What this site says about itself: whom it trusts and whose mail it takes.
///
/// Domains come in lower case; address literals keep their brackets.
package protocol SiteDirectory: Sendable {
  /// Whether `mynetworks` holds the client. Throws `lookupFailed` when a table does not answer.
  func trusts(_ client: IPAddress) async throws(AccessError) -> Bool

  /// Whether the address is one of this host's own: `inet_interfaces`, `proxy_interfaces`.
  func isOwn(_ address: IPAddress) -> Bool

  /// Whether a domain, or the address of a literal, is this host itself: class `local`.
  func isLocal(_ domain: String) async throws(AccessError) -> Bool

  /// The class of a domain that is not local.
  func addressClass(of domain: String) async throws(AccessError) -> DomainClass

  /// Whether an address stands for others (`virtual_alias_maps`): its mail is not delivered to it.
  func isAlias(_ address: MailAddress) async throws(AccessError) -> Bool

  /// Why mail for an address would be returned or kept without a try; `nil` when it would be tried.
  func failure(of address: MailAddress) async throws(AccessError) -> DeliveryFailure?

  /// Whether an address of a class is listed where the class keeps its users; true where it keeps
  /// no list. The address is resolved.
  func lists(_ address: MailAddress, of addressClass: DomainClass) async throws(AccessError) -> Bool

  /// Whether `relay_clientcerts` holds a fingerprint. Throws `lookupFailed` when a table does not
  /// answer.
  func knowsCertificate(_ fingerprint: String) async throws(AccessError) -> Bool

  /// The users who own a sender address by `smtpd_sender_login_maps`, between commas or white
  /// space; `nil` when nobody does. The address is resolved; `isLocal` says whether its domain is
  /// this host's own.
  func owners(of sender: MailAddress, isLocal: Bool) async throws(AccessError) -> [UInt8]?
}

extension SiteDirectory {
  /// Without a table no certificate is known.
  package func knowsCertificate(_ fingerprint: String) -> Bool { false }

  /// Without tables nobody owns an address.
  package func owners(of sender: MailAddress, isLocal: Bool) -> [UInt8]? { nil }
}
