import Foundation
import TestSupport

/// Postfix's `smtp-sink` as an LMTP server on a socket of the file system.
package final class LMTPSink: Sendable {
  private let program: Program

  /// Starts it and waits until somebody accepts connections there. `user` owns the socket.
  package init(
    path: String, user: String = MartinetInstance.owner, options: [String] = []
  ) throws {
    let identity = getuid() == 0 ? ["-u", user] : []
    program = try Program(
      "smtp-sink", ["-L", "-c"] + identity + options + ["unix:\(path)", "100"])
    try program.waitUntilListening(at: path)
  }
}

/// A Dovecot that only takes mail by LMTP, with accounts and Maildirs of its own.
package final class DovecotLMTP: Sendable {
  /// The account that its mailboxes belong to: one that every Debian has and nobody uses.
  private static let owner = "games"
  private let program: Program
  private let folder: TemporaryDirectory

  /// Starts it with a mailbox for each of `users`, listening at `socket` for `client`.
  package init(users: [String], socket: String, client: String) throws {
    folder = try TemporaryDirectory(prefix: "dovecot")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: folder.path)
    let mail = try folder.makeDirectory("mail")
    try FileManager.default.setAttributes(
      [.ownerAccountName: Self.owner], ofItemAtPath: mail)
    guard let account = getpwnam(Self.owner)?.pointee else {
      throw PeerError.failed(program: "dovecot", output: "no account \(Self.owner)")
    }
    try folder.write(
      users.map { "\($0)::\(account.pw_uid):\(account.pw_gid)::\(mail)/\($0)::\n" }.joined(),
      to: "users")
    try folder.write(
      """
      base_dir = \(folder.path("run"))
      state_dir = \(folder.path("run"))
      log_path = /dev/stderr
      protocols = lmtp
      ssl = no
      first_valid_uid = 1
      mail_location = maildir:~/Maildir
      passdb {
        driver = passwd-file
        args = \(folder.path("users"))
      }
      userdb {
        driver = passwd-file
        args = \(folder.path("users"))
      }
      service lmtp {
        unix_listener \(socket) {
          mode = 0600
          user = \(client)
        }
      }

      """, to: "dovecot.conf")
    program = try Program("dovecot", ["-F", "-c", folder.path("dovecot.conf")])
    try program.waitUntilListening(at: socket)
  }

  deinit { program.send(SIGTERM) }

  /// The messages in a user's mailbox.
  package func messages(of user: String) throws -> [[UInt8]] {
    let new = "mail/\(user)/Maildir/new"
    guard FileManager.default.fileExists(atPath: folder.path(new)) else { return [] }
    return try folder.names(in: new).map { try folder.read("\(new)/\($0)") }
  }
}

extension Program {
  /// Waits until somebody accepts connections at a socket of the file system; throws when the
  /// program ends before.
  func waitUntilListening(
    at path: String, within limit: Duration = .seconds(20)
  ) throws(PeerError) {
    let deadline = Deadline.after(limit)
    while !Loopback.accepts(path: path) {
      let exit = try? waitForExit(until: .after(.milliseconds(10)))
      if let exit { throw .failed(program: "\(name) (\(exit))", output: errors.text) }
      if deadline.hasPassed { throw .timedOut("\(name) to listen at \(path)") }
    }
  }
}
