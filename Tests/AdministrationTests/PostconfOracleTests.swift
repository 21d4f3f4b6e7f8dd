import Foundation
import RealPeers
import TestSupport
import Testing

@testable import Administration

/// `postconf` beside Postfix's command of that name, on the same files.
@Suite(.enabled(if: PostfixOracle.isAvailable), .serialized)
struct PostconfOracleTests {
  private static let main = """
    # comment
    compatibility_level = 3.6
    myhostname = mx.example.com
    mynetworks = 127.0.0.0/8
      # inside comment
      10.0.0.0/8, 192.168.0.0/16, 172.16.0.0/12 [::1]/128
    smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, reject, permit

    own = $myhostname
    myorigin = $own
    relayhost =
    mydestination = b

    """

  private static let master = """
    # services
    smtp      inet  n       -       y       -       -       smtpd
    submission inet n       -       y       -       -       smtpd
      -o syslog_name=postfix/$service_name
      -o smtpd_sender_login_maps=a -o { smtpd_client_restrictions = permit_mynetworks, reject }
    # between
      -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
    127.0.0.1:10025 inet n - n - 10 smtpd -v
    qmgr      unix  n       -       n       300     1       qmgr
    a-rather-long-name unix - n n 60? 2 pipe flags=R user=nobody argv=/usr/lib/some/where/a-program ${nexthop} ${user} ${extension}
    relay     unix  -       -       y       -       -       smtp

    """

  private struct Outcome: Equatable, CustomStringConvertible, Sendable {
    let output: String
    let main: String
    let master: String

    var description: String { "\(output)\n\(main)\n\(master)" }
  }

  private static func outcome(
    _ program: String, _ leading: [String], _ arguments: [String]
  ) throws -> Outcome {
    let folder = try TemporaryDirectory()
    let files = [("main.cf", main), ("master.cf", master)]
    for (name, text) in files {
      try text.write(toFile: folder.path + "/" + name, atomically: true, encoding: .utf8)
    }
    let lines = try Program.run(program, leading + ["-c", folder.path] + arguments)
    func content(_ name: String) throws -> String {
      try String(contentsOfFile: folder.path + "/" + name, encoding: .utf8)
    }
    let output = lines.map(\.description).joined(separator: "\n")
      .replacingOccurrences(of: folder.path, with: "DIR")
    return try Outcome(
      output: output, main: content("main.cf"), master: content("master.cf"))
  }

  @Test(arguments: [
    ["-n"], ["-nf"], ["-nx"], ["-nh"], ["-nH"], ["mydestination", "relayhost"],
    ["-h", "mydestination"], ["-x", "myorigin"], ["-d", "relayhost"], ["-H", "mydestination"],
    ["-M"], ["-Mf"], ["-Mx", "submission"], ["-M", "*/inet"], ["-Mf", "submission/inet", "qmgr"],
    ["-F"], ["-F", "submission/inet"], ["-F", "*/unix/chroot"], ["-Fh", "qmgr/unix/wakeup"],
    ["-P"], ["-Px"], ["-P", "submission/inet/syslog_name"], ["-PH"],
    ["-e", "mydestination=c, d", "relayhost = [192.0.2.1]", "new = 1"], ["myhostname=other"],
    ["-X", "mynetworks", "missing"], ["-#", "mynetworks", "relayhost"],
    ["-Me", "qmgr/unix=qmgr unix n - n 60 1 qmgr -o a=b"],
    ["-Me", "added/unix=added unix - - - - - smtp -o { a = b c } -v"],
    ["-MX", "submission/inet"], ["-M#", "relay/unix"],
    ["-Fe", "127.0.0.1:10025/inet/process_limit=20"], ["-Fe", "relay/unix/command=lmtp -o a=b"],
    ["-F", "relay/unix/process_limit=21"], ["-P", "submission/inet/syslog_name=y"],
    ["-M", "qmgr/unix=qmgr unix n - n 61 1 qmgr"],
    ["-Pe", "submission/inet/syslog_name=x", "relay/unix/smtp_helo_timeout=5"],
    ["-PX", "submission/inet/syslog_name"],
  ])
  func itShowsAndChangesWhatPostfixDoes(arguments: [String]) async throws {
    let (theirs, ours) = try await onOwnThread {
      (
        try Self.outcome("postconf", [], arguments),
        try Self.outcome(MartinetInstance.executable, ["postconf"], arguments)
      )
    }
    #expect(ours == theirs)
  }
}
