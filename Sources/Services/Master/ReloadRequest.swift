import LinuxSystem
package import SystemPackage

/// What became of a reload, for whoever asked for it.
package struct ReloadOutcome: Equatable, Sendable {
  /// Whether the configuration is in force.
  package let isTaken: Bool
  /// What was found, a sentence a line.
  package let findings: [String]

  /// The largest answer in bytes; further findings are in the log.
  static let lengthMax = 32 << 10

  init(isTaken: Bool, findings: [String]) {
    self.isTaken = isTaken
    self.findings = findings
  }

  init?(_ bytes: some Sequence<UInt8>) {
    let lines = String(decoding: Array(bytes), as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
    guard let first = lines.first, first == "taken" || first == "refused" else { return nil }
    self.init(isTaken: first == "taken", findings: Array(lines.dropFirst()))
  }

  var bytes: [UInt8] {
    var text = isTaken ? "taken\n" : "refused\n"
    for finding in findings {
      guard text.utf8.count + finding.utf8.count < Self.lengthMax else {
        text += "more is in the log\n"
        break
      }
      text += finding.split(whereSeparator: \.isNewline).joined(separator: " ") + "\n"
    }
    return Array(text.utf8)
  }
}

/// Asks the running `master` for a reload and hears what became of it.
///
/// `master` listens to no command: it answers at a socket of the asker's own, which stands beside
/// its pid, where nobody else can make one.
package enum ReloadRequest {
  private static let prefix = "reload-"

  private static func folder(_ root: String) -> String { root + "/" + SpoolDirectories.pid }

  /// Has `master` reload. Blocks.
  ///
  /// - Returns: the outcome, or `nil` when there was none within `patience`.
  /// - Throws: `ESRCH` when `master` ends meanwhile.
  package static func send(
    to master: Int32, root: String, patience: Duration
  ) throws(Errno) -> ReloadOutcome? {
    let path = folder(root) + "/" + prefix + "\(ThisProcess.pid)"
    do throws(Errno) {
      try Files.unlink(path)
    } catch .noSuchFileOrDirectory {}
    let socket = try Sockets.bindDatagrams(path)
    defer { try? Files.unlink(path) }
    guard try RunningProcess.signal(master, 1, answer: socket.raw, patience: patience) else {
      return nil
    }
    var buffer = [UInt8](repeating: 0, count: 2 * ReloadOutcome.lengthMax)
    guard
      case .count(let count) = buffer.withUnsafeMutableBytes({
        Sockets.receive(socket.raw, into: $0)
      })
    else { return nil }
    return ReloadOutcome(buffer[..<count])
  }

  /// The sockets of those who wait for an answer now.
  static func askers(_ root: String) -> [SharedDescriptor] {
    guard let folder = try? Files.open(folder(root), [.read, .directory]),
      let names = try? Files.names(in: folder.raw)
    else { return [] }
    var sockets: [SharedDescriptor] = []
    for name in names where name.hasPrefix(prefix) {
      let path = self.folder(root) + "/" + name
      if let socket = try? Sockets.connectDatagrams(path) {
        sockets.append(SharedDescriptor(socket))
      } else {
        // Whoever asked was killed.
        try? Files.unlink(path)
      }
    }
    return sockets
  }

  /// Tells askers; one that has gone is not missed.
  static func answer(_ outcome: ReloadOutcome, to askers: [SharedDescriptor]) {
    for asker in askers {
      _ = outcome.bytes.withUnsafeBytes { Sockets.send(asker.raw, $0) }
    }
  }
}
