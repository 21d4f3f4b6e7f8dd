import Testing

@testable import Configuration

@Suite struct SocketPathTests {
  @Test(
    arguments: [
      ("private/auth", "/var/spool/postfix/private/auth"),
      ("unix:private/dovecot-lmtp", "/var/spool/postfix/private/dovecot-lmtp"),
      ("/run/auth.sock", "/run/auth.sock"), ("unix:/run/auth.sock", "/run/auth.sock"),
      ("inet:127.0.0.1:12345", nil), ("", nil), ("unix:", nil), ("a\0b", nil),
    ] as [(String, String?)])
  func aRelativePathLiesBelowTheQueueDirectory(text: String, path: String?) {
    #expect(Sample.evaluate("").configuration.socketPath(text) == path)
  }

  @Test func theQueueDirectoryOfTheFileCounts() {
    let configuration = Sample.evaluate("queue_directory = /srv/$mail_name\nmail_name = m\n")
      .configuration
    #expect(configuration.socketPath("private/auth") == "/srv/m/private/auth")
  }

  @Test func namesAndPlacesHavePostfixsDefaults() {
    let configuration = Sample.evaluate("").configuration
    #expect(configuration[.queueDirectory] == "/var/spool/postfix")
    #expect(configuration[.dataDirectory] == "/var/lib/postfix")
    #expect(configuration[.mailOwner] == "postfix")
  }
}
