import Primitives

@testable import Configuration

/// A host with one public interface, and short ways to load configuration text.
enum Sample {
  static let host = HostFacts(
    hostname: "vm",
    interfaces: [
      ("127.0.0.1", 8), ("192.0.2.2", 24), ("::1", 128), ("fd00::2", 64),
      ("fe80::fc:ff:fe00:1", 64),
    ].map { InterfaceAddress(IPAddress($0.0)!, prefixLength: $0.1) })

  /// Evaluates text, with the defaults of today unless it asks for others itself.
  static func evaluate(
    _ text: String, services: String = "", read: (String) -> [UInt8]? = { _ in nil }
  ) -> Configuration.Evaluation {
    let level = text.contains("compatibility_level") ? "" : "\ncompatibility_level = 3.6\n"
    return Configuration.evaluate(
      MainFile(Array((text + level).utf8), file: "main.cf"), host: host,
      services: MasterFile(Array(services.utf8), file: "master.cf").services, read: read)
  }
}
