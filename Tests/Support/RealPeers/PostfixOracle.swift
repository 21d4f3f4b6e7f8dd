import Foundation
import TestSupport

/// A private Postfix beside the host's own, to compare with. It needs root.
package final class PostfixOracle: Sendable {
  /// Whether one can be started here.
  package static var isAvailable: Bool {
    getuid() == 0 && Program.find("postfix") != nil
      && FileManager.default.fileExists(atPath: masterTemplate)
  }

  private static let masterTemplate = "/usr/share/postfix/master.cf.dist"

  /// The port of its `smtpd` on loopback.
  package let port: UInt16
  /// The folder with its configuration.
  package var configuration: String { folder.path("etc") }
  private let folder: TemporaryDirectory
  private let log: URL

  /// Starts an instance that relays to `relayPort` of loopback, if one is named.
  package init(relayPort: UInt16? = nil, settings: [String: String] = [:]) throws {
    folder = try TemporaryDirectory(prefix: "postfix")
    port = try Loopback.freePort()
    // Postfix refuses log files outside a few folders.
    log = URL(filePath: "/var/log/\(folder.url.lastPathComponent).log")
    for name in ["etc", "spool", "data"] { try folder.makeDirectory(name) }
    try FileManager.default.setAttributes(
      [.ownerAccountName: "postfix"], ofItemAtPath: folder.path("data"))
    try folder.write(try Self.services(port: port), to: "etc/master.cf")
    var all = [
      "compatibility_level": "3.6", "queue_directory": folder.path("spool"),
      "data_directory": folder.path("data"), "command_directory": "/usr/sbin",
      "daemon_directory": "/usr/lib/postfix/sbin", "maillog_file": log.path,
      "myhostname": "mx.martinet.test", "mydestination": "", "mynetworks": "127.0.0.0/8",
      "inet_interfaces": "loopback-only", "inet_protocols": "ipv4", "local_recipient_maps": "",
      "alias_maps": "", "smtp_dns_support_level": "disabled", "smtp_tls_security_level": "none",
    ]
    if let relayPort { all["relayhost"] = "[127.0.0.1]:\(relayPort)" }
    all.merge(settings) { $1 }
    try folder.write(
      all.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }.joined(),
      to: "etc/main.cf")
    try Program.run("postfix", ["-c", configuration, "start"])
    try waitUntilListening()
  }

  deinit { try? stop() }

  /// Ends it at once.
  package func stop() throws {
    guard FileManager.default.fileExists(atPath: log.path) else { return }
    try Program.run("postfix", ["-c", configuration, "abort"])
    try FileManager.default.removeItem(at: log)
  }

  /// Its log so far.
  package func logText() throws -> String { try String(contentsOf: log, encoding: .utf8) }

  private func waitUntilListening() throws {
    let dialog = try SMTPDialog(port: port)
    try dialog.expect(220)
  }

  /// The template's services without a chroot, with `smtpd` on a port of loopback.
  private static func services(port: UInt16) throws -> String {
    let text = try String(contentsOf: URL(filePath: masterTemplate), encoding: .utf8)
    return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      var columns = line.split(whereSeparator: { " \t".contains($0) }).map(String.init)
      guard !line.hasPrefix("#"), !line.hasPrefix(" "), columns.count >= 8 else {
        return String(line)
      }
      if columns[0] == "smtp", columns[1] == "inet" { columns[0] = "127.0.0.1:\(port)" }
      columns[4] = "n"
      return columns.joined(separator: " ")
    }.joined(separator: "\n")
  }
}
