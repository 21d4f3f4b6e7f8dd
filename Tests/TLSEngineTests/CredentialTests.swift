import TestSupport
import Testing

@testable import TLSEngine

@Suite struct CredentialTests {
  private func file(_ name: String, _ parts: [UInt8]...) -> PEMFile {
    PEMFile(name: name, bytes: Array(parts.joined()))
  }

  @Test func aPairIsACertificateWithItsKey() throws {
    let pair = try TestCertificates.rsa.get()
    let chains = try TLSCredential.pair(
      chain: file("cert", pair.certificate), key: file("key", pair.key)
    ).chains()
    #expect(chains.count == 1)
    #expect(chains[0].issuers.isEmpty)
  }

  @Test func oneFileMayHoldBoth() throws {
    let pair = try TestCertificates.rsa.get()
    let both = file("both", pair.certificate, pair.key)
    #expect(try TLSCredential.pair(chain: both, key: both).chains().count == 1)
  }

  @Test func aSequenceIsReadAsOneText() throws {
    let rsa = try TestCertificates.rsa.get()
    let ecdsa = try TestCertificates.ecdsa.get()
    let files = [
      file("1", rsa.key), file("2", rsa.certificate, ecdsa.certificate, ecdsa.key),
      file("3", ecdsa.certificate),
    ]
    let chains = try TLSCredential.sequence(files).chains()
    #expect(chains.map(\.file) == ["2", "3"])
    #expect(chains.map(\.issuers.count) == [1, 0])
  }

  @Test func rsaAndECDSAStandTogether() throws {
    let rsa = try TestCertificates.rsa.get()
    let ecdsa = try TestCertificates.ecdsa.get()
    let settings = TLSServerSettings(
      name: "test",
      credentials: [
        .pair(chain: file("r", rsa.certificate), key: file("r", rsa.key)),
        .sequence([file("e", ecdsa.key, ecdsa.certificate)]),
      ])
    _ = try TLSContext(server: settings)
  }

  @Test(arguments: [
    ("", "no certificate in it"), ("junk", "no certificate in it"),
    ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be decoded"),
    ("-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n", "not in PEM format"),
    ("-----BEGIN CERTIFICATE-----\nAAAA\n", "not in PEM format"),
  ])
  func aBrokenCertificateNamesItsFile(text: String, reason: String) throws {
    let pair = try TestCertificates.rsa.get()
    let error = #expect(throws: TLSSetupError.self) {
      try TLSCredential.pair(
        chain: file("/etc/cert.pem", Array(text.utf8)), key: file("key", pair.key)
      ).chains()
    }
    #expect(error?.subject == .file("/etc/cert.pem"))
    #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
  }

  @Test func aKeyOfAnotherCertificateIsRefused() throws {
    let rsa = try TestCertificates.rsa.get()
    let ecdsa = try TestCertificates.ecdsa.get()
    let settings = TLSServerSettings(
      name: "test",
      credentials: [.pair(chain: file("cert", rsa.certificate), key: file("key", ecdsa.key))])
    let error = #expect(throws: TLSSetupError.self) { try TLSContext(server: settings) }
    #expect(error?.subject == .file("cert"))
    #expect(error?.reason == "the private key is not that of the certificate")
  }

  @Test func aKeyWithAPasswordIsRefused() throws {
    let pair = try TestCertificates.rsa.get()
    let key =
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n"
      + "AAAA\n-----END RSA PRIVATE KEY-----\n"
    let error = #expect(throws: TLSSetupError.self) {
      try TLSCredential.pair(
        chain: file("cert", pair.certificate), key: file("key", Array(key.utf8))
      ).chains()
    }
    #expect(error?.subject == .file("key"))
    #expect(error?.reason.contains("encrypted") == true)
  }

  @Test func aSequenceOutOfOrderIsRefused() throws {
    let rsa = try TestCertificates.rsa.get()
    for parts in [[rsa.certificate, rsa.key], [rsa.key, rsa.key, rsa.certificate], [rsa.key], []] {
      let files = [PEMFile(name: "chain", bytes: Array(parts.joined()))]
      let error = #expect(throws: TLSSetupError.self) {
        try TLSCredential.sequence(files).chains()
      }
      #expect(error?.subject == .file("chain"))
    }
  }

  @Test func settingsThatTheLibraryRefusesAreReported() throws {
    var settings = TLSServerSettings(name: "test", credentials: [])
    settings.ciphers = "nonsense"
    #expect(throws: TLSSetupError.self) { try TLSContext(server: settings) }
    settings.ciphers = "HIGH"
    settings.groups = ["nonsense", "X25519"]
    _ = try TLSContext(server: settings)
    settings.groups = ["nonsense"]
    #expect(throws: TLSSetupError.self) { try TLSContext(server: settings) }
    settings.groups = []
    settings.versions.lowest = 0x0999
    #expect(throws: TLSSetupError.self) { try TLSContext(server: settings) }
  }

  @Test func optionsHaveNamesAndNumbers() {
    #expect(TLSOptions(name: "no_ticket")?.rawValue == 1 << 14)
    #expect(TLSOptions(name: "0x4000")?.rawValue == 0x4000)
    #expect(TLSOptions(name: "NO_SUCH") == nil)
    #expect(TLSOptions(name: "0xzz") == nil)
  }

  @Test func remarksOfTheLibraryAreShortTextOfOneLine() {
    #expect(TLSFailure.printable("a\u{1b}[2J\r\nb\u{9b}2Jc\u{7f}\u{e9}") == "a?[2J??b??2Jc?\u{e9}")
    #expect(TLSFailure.printable(String(repeating: "x", count: 5000)).utf8.count == 200)
  }
}
