import LinuxSystem
import Primitives
import Testing

@Suite struct NameServiceTests {
  @Test func theHostsTablesAreAsked() throws {
    #expect(NameService.port(ofService: "nobody-has-this-service") == nil)
    let found = try NameService.addresses(ofHost: "localhost")
    #expect(found.contains(IPAddress(v4: 0x7f00_0001)))
    #expect(Set(found).count == found.count)
  }

  @Test func aNumberNeedsNoTable() throws {
    #expect(try NameService.addresses(ofHost: "192.0.2.7") == [IPAddress(v4: 0xc000_0207)])
  }

  @Test func anUnknownHostIsAFailureWithAReason() {
    // A label over 63 bytes is refused before anybody is asked.
    let name = String(repeating: "x", count: 80) + ".invalid"
    do throws(NameService.Failure) {
      _ = try NameService.addresses(ofHost: name)
      Issue.record("found")
    } catch {
      #expect(!error.description.isEmpty)
    }
  }
}
