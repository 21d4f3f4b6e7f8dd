import MailTypes
import Routing
import Testing

/// What comes in place of mailboxes: transports by user, and for users without an account.
struct MailboxTransportTests {
  private func router(_ change: (inout RoutingSettings, inout RoutingTables) -> Void) -> Router {
    var settings = RoutingSettings(
      resolver: AddressResolver(myhostname: "host.test", myorigin: "here.test"))
    settings.recipientDelimiter = "+"
    var tables = RoutingTables { $0 == "here.test" }
    tables.hasAccount = { ["joe", "ann"].contains($0) }
    change(&settings, &tables)
    return Router(settings: settings, tables: tables)
  }

  @Test(arguments: [
    ("joe@here.test", "lmtp unix:/joe"), ("Joe+x@Here.Test", "lmtp unix:/joe"),
    ("ann@here.test", "cyrus here.test"), ("nobody@here.test", "cyrus here.test"),
    ("joe@there.test", "smtp there.test"),
  ])
  func aUserMayHaveATransport(_ address: String, _ route: String) async throws {
    let router = router { settings, tables in
      settings.mailboxTransport = "cyrus"
      settings.fallbackTransport = "never"
      tables.mailboxTransport = { $0 == "joe" ? "lmtp:unix:/joe" : nil }
    }
    #expect(try await RouterTests.route(router, address) == route)
    #expect(try await router.resolve(MailAddress(address)).isLasting)
  }

  @Test(arguments: [
    ("joe@here.test", "local host.test"), ("ann+x@here.test", "local host.test"),
    ("own@here.test", "relay [192.0.2.1]"), ("Other@here.test", "smtp here.test"),
  ])
  func usersWithoutAnAccountFallBack(_ address: String, _ route: String) async throws {
    let router = router { settings, tables in
      settings.fallbackTransport = "smtp"
      tables.fallbackTransport = { $0 == "own" ? "relay:[192.0.2.1]" : nil }
    }
    #expect(try await RouterTests.route(router, address) == route)
    // Who has an account today may have none tomorrow.
    #expect(try await !router.resolve(MailAddress(address)).isLasting)
  }

  @Test func whoIsInNoTableStaysUnknown() async throws {
    let router = router { _, tables in tables.fallbackTransport = { _ in nil } }
    #expect(try await RouterTests.route(router, "nobody@here.test") == "local host.test")
  }

  @Test func accountsThatCannotBeAskedKeepTheMailWaiting() async throws {
    let router = router { settings, tables in
      settings.fallbackTransport = "smtp"
      tables.hasAccount = { _ throws(RoutingError) in throw .lookupFailed("accounts") }
    }
    await #expect(throws: RoutingError.lookupFailed("accounts")) {
      try await router.resolve(MailAddress("x@here.test"))
    }
  }
}
