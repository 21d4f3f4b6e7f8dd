import Foundation
import RealPeers
import TestSupport

/// An account that every Debian has and nobody uses.
let spareAccount = "games"

extension LineLog {
  /// What a delivery program says of each recipient, without delays: address, relay, status and
  /// what stands in parentheses.
  func fates(by program: String) -> [String] {
    lines.map(\.description).filter { $0.contains("/\(program)[") && $0.contains("status=") }
      .map { line in
        let to = line.range(of: "to=<").map { line[$0.lowerBound...] } ?? ""
        let head = to.range(of: ", delay=").map { to[..<$0.lowerBound] } ?? to
        let tail = line.range(of: ", dsn=").map { line[$0.lowerBound...] } ?? ""
        return "\(head)\(tail)"
      }
  }
}

/// A folder that every account may write, and scripts in it.
struct OpenFolder {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory(prefix: "deliveries")
    try FileManager.default.setAttributes([.posixPermissions: 0o1777], ofItemAtPath: folder.path)
  }

  var path: String { folder.path }

  func path(_ name: String) -> String { folder.path(name) }

  func names(in name: String = "") throws -> [String] { try folder.names(in: name) }

  func lines(of name: String) throws -> [String] {
    try folder.read(name).split(separator: 10, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
  }

  /// Writes a file; returns its path.
  func file(_ name: String, _ text: String) throws -> String { try folder.write(text, to: name) }

  /// Writes a shell script that goes to this folder first and keeps in `start` where it was;
  /// returns its path.
  func script(_ name: String, _ text: String) throws -> String {
    let file = try folder.write(
      "#!/bin/sh\nstart=$(pwd)\ncd '\(folder.path)' || exit 99\n\(text)\n", to: name)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
    return file
  }

  /// The owner of a file and its permissions in octal digits.
  func owner(of name: String) throws -> (uid: Int, permissions: String) {
    let file = try FileManager.default.attributesOfItem(atPath: folder.path(name))
    return (
      file[.ownerAccountID] as? Int ?? -1,
      String(file[.posixPermissions] as? Int ?? 0, radix: 8)
    )
  }
}
