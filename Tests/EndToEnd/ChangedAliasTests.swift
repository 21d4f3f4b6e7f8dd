import Foundation
import RealPeers
import TestSupport
import Testing

extension EndToEnd {
  /// Mail that waits for an alias which is then mended.
  struct ChangedAliasTests {
    private func server(_ folder: OpenFolder, _ table: String) throws -> MartinetInstance {
      try MartinetInstance(
        settings: [
          "myhostname": "mail.home.test", "mydestination": "home.test", "myorigin": "home.test",
          "alias_maps": "texthash:\(table)", "default_transport": "discard:there",
        ])
    }

    private func send(to alias: String, _ server: MartinetInstance) throws {
      let dialog = try SMTPDialog(greetedAt: server.port)
      try dialog.deliver(
        from: "s@source.test", to: ["\(alias)@home.test"],
        content: Array("Subject: x\r\n\r\nx\r\n".utf8))
      dialog.close()
    }

    /// Its neighbour has run before, and does not again.
    @Test(.enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)))
    func aMendedCommandGetsTheMailThatWaited() throws {
      let folder = try OpenFolder()
      let good = "\"|echo good >> \(folder.path)/good\""
      let table = try folder.file("aliases", "list \(good), \"|exit 75\"\n")
      #expect(chmod(table, 0o644) == 0)
      let server = try server(folder, table)
      try server.start()
      try send(to: "list", server)
      try server.log.wait(for: "status=deferred", until: .after(.seconds(20)))
      _ = try folder.file("aliases", "list \"|echo new >> \(folder.path)/new\", \(good)\n")
      _ = try server.command("reload")
      _ = try server.queueCommand("postqueue", "-f")
      try server.log.wait(
        for: "status=sent (delivered to command: echo new >> ", until: .after(.seconds(20)))
      try server.log.wait(forCount: 2, of: ": removed", until: .after(.seconds(20)))
      #expect(try folder.lines(of: "good") == ["good", ""])
      #expect(try folder.lines(of: "new") == ["new", ""])
      try server.stop()
    }

    @Test(.enabled(if: Subject.isMartinet && getuid() == 0), .timeLimit(.minutes(1)))
    func whoMayNotReadAnIncludedFileIsNamed() throws {
      let folder = try OpenFolder()
      let list = try folder.file("list", "a@far.test\n")
      #expect(chmod(list, 0o600) == 0)
      let table = try folder.file("aliases", "list :include:\(list)\n")
      #expect(chmod(table, 0o644) == 0)
      let server = try server(folder, table)
      try server.start()
      try send(to: "list", server)
      try server.log.wait(for: "status=deferred", until: .after(.seconds(20)))
      #expect(
        server.log.lines.contains {
          $0.description.contains("/local[") && $0.description.contains("warning: ")
            && $0.description.contains(list)
            && $0.description.hasSuffix(
              "Permission denied: it is read as user \(MartinetInstance.owner)")
        })
      #expect(chmod(list, 0o644) == 0)
      _ = try server.queueCommand("postqueue", "-f")
      try server.log.wait(for: "to=<a@far.test>", until: .after(.seconds(20)))
      try server.stop()
    }
  }
}
