import Primitives

/// The rules by which an address is turned into `user@domain` (Postfix's trivial-rewrite).
package struct AddressResolver: Sendable {
  /// `user%domain` at a local domain means `user@domain` (`allow_percent_hack`).
  package var allowPercentHack = true
  /// `site!user` at a local domain means `user@site` (`swap_bangpath`).
  package var swapBangPath = true
  /// Routing characters inside a quoted local part count too (`resolve_dequoted_address`).
  package var resolveDequotedAddress = true
  /// An address that ends in `@` means the local host (`resolve_null_domain`).
  package var resolveNullDomain = false
  /// `user@1.2.3.4` means `user@[1.2.3.4]` instead of a bad address (`resolve_numeric_domain`).
  package var resolveNumericDomain = false
  /// The domain appended to addresses that have none (`myorigin`); empty to append nothing.
  package var myorigin: String
  /// What domains without a dot are completed with (`append_dot_mydomain`); empty for nothing.
  package var mydomain = ""
  /// The domain of what has none even so, such as the null address (`myhostname`).
  package var myhostname: String
  /// The local part that an empty one stands for (`empty_address_recipient`).
  package var emptyAddressRecipient = "MAILER-DAEMON"

  /// Makes a resolver with Postfix's defaults.
  package init(myhostname: String, myorigin: String? = nil) {
    self.myhostname = myhostname
    self.myorigin = myorigin ?? myhostname
  }

  /// The address as the envelope keeps it: with a domain, which ends in `mydomain` where it had no
  /// dot, and without source route, `site!` or `%site` where no `@` follows them.
  ///
  /// One that has all this already is returned as it is; the null address too.
  package func completed(_ address: MailAddress) -> MailAddress {
    if address.isNull || isComplete(address) { return address }
    var tokens = AddressTokens(external: address.bytes)
    tokens.rewrite(by: self)
    guard tokens.contains("@") else { return address }
    return MailAddress(AddressTokens.quoted(internal: tokens.internalForm))
  }

  /// Whether an address is plain `user@domain` to which nothing is to be added.
  func isComplete(_ address: MailAddress) -> Bool {
    AddressTokens.isPlain(address)
      && (mydomain.isEmpty || address.domain.contains(UInt8(ascii: ".")))
  }

  /// Resolves an address when the domains of this host can be told without waiting.
  ///
  /// `isLocalDomain` gets the folded domain, address literals with their brackets; it says whether
  /// the domain is one of `mydestination` or a literal of this host's own addresses.
  package func resolve(
    _ address: MailAddress, isLocalDomain: (String) -> Bool
  ) -> ResolvedAddress {
    var resolution = AddressResolution(address, by: self)
    while let domain = resolution.domainInQuestion {
      resolution.answer(isLocal: isLocalDomain(domain))
    }
    return resolution.result
  }
}

/// What an address means to this host.
package struct ResolvedAddress: Equatable, Sendable {
  /// `user@domain` in wire form: the local part is quoted where RFC 5321 4.1.2 asks for it.
  package let address: MailAddress
  /// The domain that decides, in lower case; an address literal keeps its brackets.
  package let domain: String
  /// Whether the domain is one of this host's own (`mydestination` and its addresses).
  package let isLocal: Bool
  /// Whether a routing operator is left in the local part (`a%b@c`, `a!b@c`, `"a@b"@c`): another
  /// host might send such mail on, so relaying it for strangers would be relaying anywhere.
  package let isRouted: Bool
  /// Whether the domain is no valid host name or address literal, or the address holds more routes
  /// than are followed: a 5.1.3 address, never local.
  package let isMalformed: Bool
}

/// The resolution of one address, as questions and answers, so that the list of local domains may
/// be a table that has to be waited for.
///
/// While `domainInQuestion` is not `nil`, give the answer; then `result` is there.
package struct AddressResolution: Sendable {
  private let resolver: AddressResolver
  private var tokens: AddressTokens
  private var savedDomain: ArraySlice<AddressTokens.Token>?
  private var question: String?
  private var answered: ResolvedAddress?
  private var plain: MailAddress?
  private var steps = 0
  /// Routes that one address may hold: each is looked for from its beginning. No honest address
  /// has more than a few.
  private static let stepsMax = 32

  /// The domain of which the caller must say whether it is local; `nil` when the result is there.
  package var domainInQuestion: String? { question }

  /// The result, once no domain is in question.
  package var result: ResolvedAddress {
    guard let answered else { preconditionFailure("the resolution has an open question") }
    return answered
  }

  /// Starts to resolve `address`.
  package init(_ address: MailAddress, by resolver: AddressResolver) {
    self.resolver = resolver
    if resolver.isComplete(address) {
      tokens = AddressTokens()
      plain = address
      question = address.foldedDomain
      return
    }
    tokens = AddressTokens(external: address.bytes)
    tokens.rewrite(by: resolver)
    tokens = AddressTokens(external: AddressTokens.quoted(internal: tokens.internalForm))
    advance()
  }

  /// Answers whether `domainInQuestion` is one of this host's own.
  package mutating func answer(isLocal: Bool) {
    guard let domain = question else { preconditionFailure("no domain is in question") }
    question = nil
    if let plain {
      answered = ResolvedAddress(
        address: plain, domain: domain, isLocal: isLocal, isRouted: false,
        isMalformed: !HostSyntax.isHostname(domain.utf8))
      return
    }
    if isLocal {
      stripDomain()
      if step() { advance() }
    } else {
      finish(isLocal: false)
    }
  }

  /// Goes on until a domain must be judged or the result is there.
  private mutating func advance() {
    repeat {
      tokens.stripTrailingDot()
      if resolver.resolveNullDomain { tokens.stripTrailingAt() }
      if let domain = tokens.domain {
        if !domain.isEmpty {
          question = String(
            decoding: AddressTokens.internalForm(domain).map(ASCII.lowercased), as: UTF8.self)
          return
        }
        stripDomain()
      }
    } while step()
  }

  private mutating func stripDomain() {
    savedDomain = tokens.removeDomain()
  }

  /// Looks for a route in what is left of the address; whether there is another domain to look at.
  private mutating func step() -> Bool {
    steps += 1
    guard steps <= Self.stepsMax else {
      finish(isLocal: true, isBeyondLimits: true)
      return false
    }
    if tokens.contains("@") || (resolver.swapBangPath && tokens.contains("!"))
      || (resolver.allowPercentHack && tokens.contains("%"))
    {
      tokens.rewrite(by: resolver)
      return true
    }
    if resolver.resolveDequotedAddress, tokens.crackQuotedRoute(by: resolver) {
      tokens.rewrite(by: resolver)
      return true
    }
    if tokens.isEmptyAddress {
      tokens = AddressTokens(external: Array(resolver.emptyAddressRecipient.utf8))
      if savedDomain == nil {
        tokens.append(domain: resolver.myhostname)
        return true
      }
    }
    finish(isLocal: true)
    return false
  }

  private mutating func finish(isLocal: Bool, isBeyondLimits: Bool = false) {
    if isLocal {
      if let savedDomain {
        tokens.append(savedDomain)
      } else {
        tokens.append(domain: resolver.myhostname)
      }
    }
    var plainForm = tokens.internalForm
    guard let at = plainForm.lastIndex(of: UInt8(ascii: "@")) else {
      preconditionFailure("a resolved address has a domain")
    }
    let domain = plainForm[(at + 1)...]
    var isMalformed = isBeyondLimits
    if domain.first == UInt8(ascii: "[") {
      isMalformed = isMalformed || HostSyntax.address(ofLiteral: domain) == nil
    } else if !HostSyntax.isHostname(domain) {
      let isNumeric = IPAddress(String(decoding: domain, as: UTF8.self)) != nil
      if isNumeric, resolver.resolveNumericDomain {
        let prefix: StaticString = domain.contains(UInt8(ascii: ":")) ? "[IPv6:" : "["
        var literal: [UInt8] = []
        literal.append(text: prefix)
        literal += domain
        literal.append(UInt8(ascii: "]"))
        plainForm.replaceSubrange((at + 1)..., with: literal)
      } else {
        isMalformed = true
      }
    }
    let routes = "@!%".utf8
    answered = ResolvedAddress(
      address: MailAddress(AddressTokens.quoted(internal: plainForm)),
      domain: String(decoding: plainForm[(at + 1)...].map(ASCII.lowercased), as: UTF8.self),
      isLocal: isLocal && !isMalformed,
      isRouted: plainForm.firstIndex { routes.contains($0) } != at,
      isMalformed: isMalformed)
  }
}
