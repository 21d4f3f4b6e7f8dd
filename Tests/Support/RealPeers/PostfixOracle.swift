import Foundation
import TestSupport

/// A private Postfix beside the host's own, to compare with. It needs root.
package final class PostfixOracle: MailServer {
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
  /// Its queue directory.
  package var spool: String { folder.path("spool") }
  private let folder: TemporaryDirectory
  private let logFile: URL
  private let settings: [String: String]
  private let logReader = Monitor<Program?>(nil)

  /// Writes the configuration of an instance that relays to `relayPort` of loopback, if one is
  /// named, with `services` on top of the usual ones; starts nothing.
  package init(
    relayPort: UInt16? = nil, settings: [String: String] = [:], services: [String] = []
  ) throws {
    folder = try TemporaryDirectory(prefix: "postfix")
    port = try Loopback.freePort()
    // Postfix refuses log files outside a few folders.
    logFile = URL(filePath: "/var/log/\(folder.url.lastPathComponent).log")
    for name in ["etc", "spool", "data"] { try folder.makeDirectory(name) }
    try FileManager.default.setAttributes(
      [.ownerAccountName: "postfix"], ofItemAtPath: folder.path("data"))
    let text = try Self.services(port: port) + services.map { "\($0)\n" }.joined()
    try folder.write(text, to: "etc/master.cf")
    var all = RelaySettings.base(relayPort: relayPort)
    all["queue_directory"] = folder.path("spool")
    all["data_directory"] = folder.path("data")
    all["maillog_file"] = logFile.path
    all["command_directory"] = "/usr/sbin"
    all["daemon_directory"] = "/usr/lib/postfix/sbin"
    all["smtp_dns_support_level"] = "disabled"
    all["default_process_limit"] = "200"
    self.settings = all.merging(settings) { $1 }
    try configure([:])
  }

  deinit { try? abort() }

  /// Writes `main.cf` with settings on top of those given at the start.
  package func configure(_ more: [String: String]) throws {
    try folder.write(RelaySettings.text(settings.merging(more) { $1 }), to: "etc/main.cf")
  }

  /// Starts it and waits until it greets.
  package func start() throws {
    try Data().write(to: logFile)
    let reader = try Program("tail", ["-n", "+1", "-f", logFile.path])
    logReader.change { $0 = reader }
    try Program.run("postfix", ["-c", configuration, "start"])
    try SMTPDialog(port: port).expect(220)
  }

  /// Ends it in an orderly way.
  package func stop() throws { try Program.run("postfix", ["-c", configuration, "stop"]) }

  /// Its log.
  package var log: LineLog {
    guard let reader = logReader.read({ $0 }) else { preconditionFailure("not started") }
    return reader.output
  }

  private func abort() throws {
    defer { try? FileManager.default.removeItem(at: logFile) }
    try Program.run("postfix", ["-c", configuration, "abort"])
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
