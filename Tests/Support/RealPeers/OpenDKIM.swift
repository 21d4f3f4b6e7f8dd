import Foundation
import TestSupport

/// Two milters of the OpenDKIM project: one signs mail of a domain, one looks whether signatures
/// are good.
package final class OpenDKIM: Sendable {
  /// The domain whose mail is signed.
  package static let domain = "signed.test"
  /// The name that `Authentication-Results:` fields begin with.
  package static let verifierName = "verifier.test"
  /// Where the signer listens.
  package let signerPort: UInt16
  /// Where the verifier listens.
  package let verifierPort: UInt16
  private let folder: TemporaryDirectory
  private let programs: [Program]

  /// Makes a key, starts both and waits until they listen.
  package init() throws {
    folder = try TemporaryDirectory(prefix: "opendkim")
    try Program.run(
      "opendkim-genkey", ["-s", "key", "-d", Self.domain, "-D", folder.url.path])
    let record = String(decoding: try folder.read("key.txt"), as: UTF8.self)
    let parts = record.split(separator: "\"", omittingEmptySubsequences: false)
    let value = parts.enumerated().filter { $0.offset % 2 == 1 }.map(\.element).joined()
    try folder.write("key._domainkey.\(Self.domain) \(value)\n", to: "public")
    signerPort = try Loopback.freePort()
    verifierPort = try Loopback.freePort()
    let user = getuid() == 0 ? "UserID root\n" : ""
    try folder.write(
      """
      Socket inet:\(signerPort)@127.0.0.1
      Mode s
      Domain \(Self.domain)
      Selector key
      KeyFile \(folder.path("key.private"))
      RequireSafeKeys no
      InternalHosts 127.0.0.1
      Syslog no
      \(user)
      """, to: "signer.conf")
    try folder.write(
      """
      Socket inet:\(verifierPort)@127.0.0.1
      Mode v
      InternalHosts 192.0.2.1
      AuthservID \(Self.verifierName)
      TestPublicKeys \(folder.path("public"))
      Syslog no
      \(user)
      """, to: "verifier.conf")
    programs = try ["signer", "verifier"].map { [folder] in
      try Program("opendkim", ["-f", "-x", folder.path("\($0).conf")])
    }
    try programs[0].waitUntilListening(on: signerPort)
    try programs[1].waitUntilListening(on: verifierPort)
  }

  deinit { for program in programs { program.send(SIGKILL) } }
}
