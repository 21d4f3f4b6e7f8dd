import Foundation
import LinuxSystem
import LookupTables
import ServiceKit
import TestSupport
import Testing

@testable import Administration

/// What `check` says of files that aliases include.
@Suite struct IncludedFileCheckTests {
  private let stranger = IncludedFileCheck(
    reader: Account(name: "stranger", uid: 4_000_001, gid: 4_000_002, home: "", shell: ""))

  private func folder() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    #expect(chmod(folder.path, 0o755) == 0)
    try folder.makeDirectory("closed")
    for (name, mode) in [
      ("open", 0o644), ("own", 0o600), ("group", 0o640), ("closed/list", 0o644),
    ] {
      #expect(chmod(try folder.write("a@b.test\n", to: name), mode_t(mode)) == 0)
    }
    #expect(chmod(folder.path("closed"), 0o700) == 0)
    return folder
  }

  @Test func aFileThatOnlyItsOwnerReadsIsToldWithItsLine() throws {
    let folder = try folder()
    let path = folder.path
    let file = try folder.write(
      """
      # lists
      first: :include:\(path)/open, :include:\(path)/group
      second: user,
       :include:\(path)/own
      third: :include:\(path)/closed/list
      fourth: :include:\(path)/gone

      """, to: "aliases")
    var opener = TableOpener.command()
    opener.aliasTables = ["hash:\(file)"]
    let table = try #require(try opener.open("hash:\(file)") as? DictionaryTable)
    let end = ": its mail waits in the queue"
    #expect(
      stranger.warnings(about: table) == [
        "\(file), line 3: alias second: :include:\(path)/own: user stranger may not read it\(end)",
        "\(file), line 5: alias third: :include:\(path)/closed/list: "
          + "user stranger may not search \(path)/closed\(end)",
        "\(file), line 6: alias fourth: :include:\(path)/gone: No such file or directory\(end)",
      ])
  }

  @Test func aTableWithoutAFileHasNoLines() throws {
    let folder = try folder()
    let name = "inline:{ { own = :include:\(folder.path)/own } }"
    let table = try #require(try TableOpener.command().open(name) as? DictionaryTable)
    #expect(
      stranger.warnings(about: table) == [
        "alias_maps: \(name): alias own: :include:\(folder.path)/own: "
          + "user stranger may not read it: its mail waits in the queue"
      ])
  }

  @Test func theOwnerOfAFileMayReadIt() throws {
    let folder = try folder()
    let owner = IncludedFileCheck(
      reader: Account(name: "me", uid: getuid(), gid: getgid(), home: "", shell: ""))
    for name in ["own", "closed/list"] { #expect(owner.flaw(of: folder.path(name)) == nil) }
  }

  /// The whole of `check` as root: `mail_owner` is no reader of others' files.
  @Test(.enabled(if: getuid() == 0)) func checkWarnsOfIt() throws {
    let folder = try folder()
    let aliases = try folder.write("list: :include:\(folder.path)/own\n", to: "aliases")
    try folder.write(
      "myhostname = mx.test\nmail_owner = games\nlocal_recipient_maps =\n"
        + "alias_maps = hash:\(aliases)\n", to: "main.cf")
    try folder.write("smtp inet n - n - - smtpd\n", to: "master.cf")
    let found = SiteCheck.findings(ConfigurationFiles(directory: folder.path))
    #expect(
      found.warnings.contains(
        "\(aliases), line 1: alias list: :include:\(folder.path)/own: user games may not read it: "
          + "its mail waits in the queue"))
  }
}
