import LookupTables
import MailTypes
import Primitives

@testable import AccessPolicy

struct TestSite: SiteDirectory {
  var tableIsDown = false

  func trusts(_ client: IPAddress) throws(AccessError) -> Bool {
    if tableIsDown { throw .lookupFailed("the table is down") }
    return IPNetwork(IPAddress("127.0.0.0")!, prefixLength: 8)!.contains(client)
      || client == IPAddress("::1")
  }

  func isOwn(_ address: IPAddress) -> Bool { address == IPAddress("127.0.0.1") }

  func isLocal(_ domain: String) throws(AccessError) -> Bool {
    if tableIsDown { throw .lookupFailed("the table is down") }
    return ["mx.example.test", "local.test", "localhost", "[127.0.0.1]"].contains(domain)
  }

  func addressClass(of domain: String) throws(AccessError) -> DomainClass {
    switch domain {
    case "relay.test", "sub.relay.test": .relay
    case "valias.test": .virtualAlias
    case "vbox.test": .virtualMailbox
    default: .other
    }
  }

  func isAlias(_ address: MailAddress) -> Bool {
    address.foldedDomain == "valias.test" && address.localPart.elementsEqual("alias".utf8)
  }

  func failure(of address: MailAddress) -> DeliveryFailure? {
    address.foldedDomain == "valias.test" && address.localPart.elementsEqual("nobody".utf8)
      ? DeliveryFailure("5.1.1 User unknown in virtual alias table", isTemporary: false) : nil
  }

  /// Everybody but `nobody` is known everywhere.
  func lists(_ address: MailAddress, of addressClass: DomainClass) -> Bool {
    addressClass == .other || !address.localPart.elementsEqual("nobody".utf8)
  }
}

let stranger = IPAddress("192.0.2.55")!
let neighbour = IPAddress("127.0.0.1")!

func settings(_ change: (inout AccessSettings) -> Void = { _ in }) -> AccessSettings {
  var settings = AccessSettings(
    resolver: AddressResolver(myhostname: "mx.example.test"), opener: TableOpener { _ in nil })
  change(&settings)
  return settings
}

func policy(
  site: TestSite = TestSite(), _ change: (inout AccessSettings) -> Void = { _ in },
  pause: @escaping AccessPolicy.Pause = { _ in }
) throws(AccessError) -> AccessPolicy {
  try AccessPolicy(settings(change), site: site, pause: pause)
}

extension AccessPolicy {
  /// The reply that refuses a recipient of a@b.test.
  func refusal(of recipient: String, from client: IPAddress = stranger) async -> SMTPReply? {
    var history = AccessHistory()
    let request = AccessRequest(
      clientAddress: client, sender: MailAddress("a@b.test"), recipient: MailAddress(recipient))
    return await judge(.recipient, request, &history).refusal
  }
}

/// The words of a list as `main.cf` writes them.
func words(_ text: String) -> [String] {
  let separates = { (byte: UInt8) in byte == UInt8(ascii: ",") || ASCII.isSpace(byte) }
  return (BracedWords.split(text.utf8, isSeparator: separates) ?? []).map {
    String(decoding: $0, as: UTF8.self)
  }
}
