import Foundation
import TestSupport

/// A private Dovecot that does nothing but know users: alice with the password `secret`, and
/// bob@example.org with `hunter2`. It needs root.
package final class DovecotServer {
  /// Whether one can be started here.
  package static var isAvailable: Bool { getuid() == 0 && Program.find("dovecot") != nil }

  /// The socket of its authentication server.
  package var socket: String { folder.path("auth") }
  private let folder: TemporaryDirectory
  private var program: Program?

  /// Writes its configuration; starts nothing. `failureDelay` is the time in seconds for which a
  /// wrong password is held back.
  package init(
    mechanisms: String = "plain login cram-md5 anonymous", failureDelay: Int = 0
  ) throws {
    folder = try TemporaryDirectory(prefix: "dovecot")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path(""))
    try folder.makeDirectory("run")
    try folder.write(
      "alice:{PLAIN}secret::::::\nbob@example.org:{PLAIN}hunter2::::::\n", to: "users")
    try folder.write(
      """
      base_dir = \(folder.path("run"))
      state_dir = \(folder.path("run"))
      log_path = \(folder.path("log"))
      protocols =
      ssl = no
      default_internal_user = dovecot
      default_login_user = dovenull
      disable_plaintext_auth = no
      auth_mechanisms = \(mechanisms)
      auth_failure_delay = \(failureDelay)
      passdb {
        driver = passwd-file
        args = scheme=PLAIN username_format=%u \(folder.path("users"))
      }
      userdb {
        driver = static
        args = uid=dovecot gid=dovecot home=\(folder.path("run"))
      }
      service auth {
        unix_listener \(socket) {
          mode = 0666
        }
      }
      service anvil {
        unix_listener anvil-auth-penalty {
          mode = 0
        }
      }

      """, to: "conf")
  }

  deinit { try? stop() }

  /// Starts it and waits until it listens.
  package func start() throws {
    let program = try Program("dovecot", ["-F", "-c", folder.path("conf")])
    self.program = program
    let socket = socket
    guard
      RunningProcess.wait(
        until: .after(.seconds(20)), { FileManager.default.fileExists(atPath: socket) })
    else { throw PeerError.failed(program: "dovecot", output: program.errors.text) }
  }

  /// Ends it, and its authentication server, which would live on as long as somebody is connected.
  package func stop() throws {
    guard let program else { return }
    let family = RunningProcess.family(of: program.pid)
    program.send(SIGTERM)
    try program.waitForExit(until: .after(.seconds(20)))
    for process in family where process.isAlive { process.kill() }
    guard RunningProcess.waitForEnd(of: family, until: .after(.seconds(20))) else {
      throw PeerError.timedOut("the end of dovecot")
    }
    self.program = nil
  }
}
