import Configuration
import MailTypes
import Primitives
import SMTPClientCore

extension SenderSettings {
  /// Whether a transport speaks LMTP: its service of `master.cf` runs `lmtp`, or it has the name
  /// and `master.cf` has no such service.
  static func speaksLMTP(_ configuration: Configuration, transport: String) -> Bool {
    let program = configuration[.processName]
    return program == "lmtp" || program.isEmpty && transport == "lmtp"
  }

  /// What the configuration says about a transport that speaks LMTP, read once. It is seen as
  /// `forLMTP`.
  init(lmtp configuration: Configuration) {
    var client = SMTPClientSettings(
      myhostname: configuration[.myhostname], heloName: configuration[.lmtpLHLOName])
    client.speaksLMTP = true
    client.skip5xxGreeting = configuration[.lmtpSkip5xxGreeting]
    client.skipQuitResponse = configuration[.lmtpSkipQuitResponse]
    client.discardedKeywords = Set(
      configuration[.lmtpDiscardLHLOKeywords].map { $0.lowercased() })
    client.timeouts.connect = configuration[.lmtpConnectTimeout]
    client.timeouts.helo = configuration[.lmtpLHLOTimeout]
    client.timeouts.startTLS = configuration[.smtpStarttlsTimeout]
    client.timeouts.mail = configuration[.lmtpMailTimeout]
    client.timeouts.rcpt = configuration[.lmtpRcptTimeout]
    client.timeouts.dataInit = configuration[.lmtpDataInitTimeout]
    client.timeouts.dataTransfer = configuration[.lmtpDataXferTimeout]
    client.timeouts.dataDone = configuration[.lmtpDataDoneTimeout]
    client.timeouts.reset = configuration[.lmtpRsetTimeout]
    client.timeouts.quit = configuration[.lmtpQuitTimeout]
    self.client = client
    idleTime = configuration[.lmtpConnectionCacheTimeLimit]
    reuseTime = configuration[.lmtpConnectionReuseTimeLimit]
    reuseCount = configuration[.lmtpConnectionReuseCountLimit]
    bindAddress = IPAddress(configuration[.lmtpBindAddress])
    bindAddress6 = IPAddress(configuration[.lmtpBindAddress6])
    defaultPort = NextHop.port(named: configuration[.lmtpTcpPort]) ?? 24
    deliversFinally = configuration[.lmtpAssumeFinal]
    queueDirectory = configuration[.queueDirectory]
    families = Self.families(configuration)
    addressesMax = 0
    tag = Array("lmtp".utf8)
  }
}
