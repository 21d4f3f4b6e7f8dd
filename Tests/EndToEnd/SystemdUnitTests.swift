import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// The units in `packaging/systemd`, as far as they can be tried without a running systemd.
  @Suite(.enabled(if: Subject.isMartinet && Program.find("systemd-analyze") != nil))
  struct SystemdUnitTests {
    private static let units = URL(filePath: #filePath)
      .deletingLastPathComponent().appending(path: "../../packaging/systemd").standardized

    /// The lines of the service's unit that set something.
    private static func settings() throws -> [(name: String, value: String)] {
      let text = try String(
        contentsOf: units.appending(path: "martinet.service"), encoding: .utf8)
      return text.split(separator: "\n").compactMap { line in
        guard !line.hasPrefix("#"), let sign = line.firstIndex(of: "=") else { return nil }
        return (String(line[..<sign]), String(line[line.index(after: sign)...]))
      }
    }

    /// The units as they would be where the executable is installed.
    private func installed() throws -> (TemporaryDirectory, [String]) {
      let folder = try TemporaryDirectory(prefix: "units")
      let names = try FileManager.default.contentsOfDirectory(atPath: Self.units.path).sorted()
      for name in names {
        let text = try String(contentsOf: Self.units.appending(path: name), encoding: .utf8)
        try folder.write(
          text.replacing("/usr/sbin/martinet", with: MartinetInstance.executable), to: name)
      }
      return (folder, names.map { folder.path($0) })
    }

    @Test func systemdUnderstandsEveryLine() throws {
      let (folder, paths) = try installed()
      #expect(paths.count == 4)
      let outcome = try Program.outcome("systemd-analyze", ["verify", "--man=no"] + paths)
      #expect(outcome.exit == .code(0), "\(outcome.errors)")
      #expect(outcome.errors.isEmpty)
      withExtendedLifetime(folder) {}
    }

    @Test func systemdReloadsItByTheCommandThatWaitsForTheOutcome() throws {
      let commands = try Self.settings().filter { $0.name == "ExecReload" }.map(\.value)
      #expect(commands == ["/usr/sbin/martinet reload"])
    }

    @Test func theSandboxIsNoWeakerThanItWas() throws {
      let outcome = try Program.outcome(
        "systemd-analyze",
        [
          "security", "--offline=true", "--threshold=36",
          Self.units.appending(path: "martinet.service").path,
        ])
      #expect(outcome.exit == .code(0), "\(outcome.output.suffix(1))")
    }

    @Test(.enabled(if: getuid() == 0 && Program.find("setpriv") != nil), .timeLimit(.minutes(1)))
    func theCapabilitiesOfTheUnitAreEnough() throws {
      let names = try Self.settings().filter { $0.name == "CapabilityBoundingSet" }
        .flatMap { $0.value.split(separator: " ") }
      let kept = names.map { "+" + $0.dropFirst("CAP_".count).lowercased() }
      try #require(kept.count == 7)
      let sink = try ScriptedSink()
      let boxes = try TemporaryDirectory(prefix: "mailboxes")
      try FileManager.default.setAttributes([.posixPermissions: 0o1777], ofItemAtPath: boxes.path)
      let server = try MartinetInstance(
        relayPort: sink.port,
        settings: ["mydestination": "here.test", "mail_spool_directory": "\(boxes.path)/"],
        services: ["127.0.0.1:\(try Loopback.freePort()) inet n - n - - smtpd"],
        launcher: ["setpriv", "--bounding-set=" + (["-all"] + kept).joined(separator: ",")])
      try server.start()
      try server.command("reload")
      var load = MailLoad(port: server.port)
      load.recipients = { [$0 == 0 ? "games@here.test" : "rcpt@sink.test"] }
      try #require(try load.run(0..<3, within: .seconds(20)).acknowledged.count == 3)
      try server.log.wait(forCount: 3, of: "status=sent", until: .after(.seconds(20)))
      #expect(try boxes.names(in: "games/new").count == 1)
      // To end another user's process is one of them.
      let victim = try #require(server.processes(role: "smtp").first)
      victim.kill()
      try server.log.wait(for: "killed by signal 9", until: .after(.seconds(20)))
      try server.stop()
    }

    @Test(.enabled(if: SystemCallTrace.isAvailable), .timeLimit(.minutes(1)))
    func theSystemCallsOfARunAreInTheUnitsFilter() throws {
      let groups = try Self.settings().filter { $0.name == "SystemCallFilter" }
        .flatMap { $0.value.split(separator: " ").map(String.init) }
      var allowed: Set<String> = []
      var open = groups
      while let group = open.popLast() {
        for line in try Program.run("systemd-analyze", ["syscall-filter", group]) {
          let word = line.description.drop { $0 == " " }
          if word.hasPrefix("#") || word == group { continue }
          if word.hasPrefix("@") { open.append(String(word)) } else { allowed.insert("\(word)") }
        }
      }
      try #require(allowed.count > 200)
      let sink = try ScriptedSink()
      let folder = try TemporaryDirectory(prefix: "calls")
      let boxes = try TemporaryDirectory(prefix: "mailboxes")
      try FileManager.default.setAttributes([.posixPermissions: 0o1777], ofItemAtPath: boxes.path)
      let server = try MartinetInstance(
        relayPort: sink.port,
        settings: ["mydestination": "here.test", "mail_spool_directory": "\(boxes.path)/"],
        launcher: ["strace", "-f", "-qq", "-c", "-o", folder.path("counts"), "-U", "name"])
      try server.start()
      var load = MailLoad(port: server.port)
      load.recipients = { [$0 == 0 ? "games@here.test" : "rcpt@sink.test"] }
      load.size = { $0 == 1 ? 2_000_000 : 2000 }
      try #require(try load.run(0..<3, within: .seconds(30)).acknowledged.count == 3)
      try server.log.wait(forCount: 3, of: "status=sent", until: .after(.seconds(20)))
      try server.command("reload")
      // strace ends with what it traces; the signal is for the latter.
      let master = try #require(
        server.processes.first {
          $0.arguments.last == "run" && $0.arguments.first != "strace"
            && $0.arguments.first?.hasSuffix("/strace") == false
        })
      master.send(SIGTERM)
      try server.waitForEnd()
      let used = String(decoding: try folder.read("counts"), as: UTF8.self)
        .split(whereSeparator: { $0.isWhitespace }).map(String.init)
        .filter { $0.first?.isLetter == true && !["syscall", "total"].contains($0) }
      try #require(used.contains("fdatasync") && used.contains("sendfile"))
      #expect(used.filter { !allowed.contains($0) }.isEmpty)
    }
  }
}
