import Configuration
import TLSEngine
import TestSupport
import Testing

@testable import TLSPolicy

@Suite struct ServerTLSTests {
  private static let files: [String: [UInt8]] = {
    var files = ["/broken": Array("nothing".utf8)]
    for (name, pair) in [("rsa", TestCertificates.rsa), ("ecdsa", TestCertificates.ecdsa)] {
      guard let pair = try? pair.get() else { continue }
      files["/\(name).pem"] = pair.certificate
      files["/\(name).key"] = pair.key
      files["/\(name).both"] = pair.key + pair.certificate
    }
    files["/folder/0123abcd.0"] = files["/ecdsa.pem"]
    files["/bad/0123abcd.0"] = Array("nothing".utf8)
    files["/badnames"] = Array("# names\na.test /rsa.both\nB.test\n /gone\n".utf8)
    files["/brokennames"] = Array("a.test /broken\n".utf8)
    files["/badpatterns"] = Array("/a/ /rsa.both\n/b/ /gone\n".utf8)
    files["/grouped"] = Array("/a/ /rsa.both\n/(.*)/ /$1.both\n".utf8)
    files["/patterns"] = Array(
      "/^a\\.test$/ /rsa.both\nif /test/\n/^\\.b\\.test$/ /ecdsa.both, /rsa.both\nendif\n".utf8)
    files["/slow"] = Array("/^(x+x+)+[yz]$/ /rsa.both\n".utf8)
    files["/names"] = Array("mx.test /rsa.both\n.sub.test /ecdsa.both, /rsa.both\n".utf8)
    return files
  }()

  private func configuration(_ text: String) -> Configuration {
    let evaluation = Configuration.evaluate(
      MainFile(Array(text.utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx.test", interfaces: []))
    #expect(!evaluation.hasErrors, "\(evaluation.diagnostics)")
    return evaluation.configuration
  }

  private func material(_ configuration: Configuration) throws(TLSPolicyError) -> KeyMaterial {
    try KeyMaterial(of: [configuration], list: Self.list) { path, _ in
      Self.files[path].map { .success($0) } ?? .failure(.init("No such file or directory"))
    }
  }

  @Sendable private static func list(
    _ folder: String
  ) -> Result<[String], KeyMaterial.UnreadableFile> {
    switch folder {
    case "/folder": .success(["0123abcd.0", "readme"])
    case "/bad": .success(["0123abcd.0"])
    default: .failure(.init("No such file or directory"))
    }
  }

  private func tls(_ text: String) throws -> ServerTLS {
    let configuration = configuration(text)
    let material = try material(configuration)
    // What another process makes of it is the same.
    let copy = try #require(KeyMaterial(serialized: material.serialized()))
    #expect(copy == material)
    try ServerTLS.check(configuration, service: "smtp", material: copy)
    return try ServerTLS(configuration, service: "smtp", material: copy)
  }

  private static let certificates =
    "smtpd_tls_cert_file = /rsa.pem\nsmtpd_tls_key_file = /rsa.key\n"

  @Test(arguments: [
    ("", ServerTLS.Level.none), ("smtpd_use_tls = yes", .may),
    ("smtpd_enforce_tls = yes", .encrypt),
    ("smtpd_tls_security_level = none\nsmtpd_enforce_tls = yes", .none),
    ("smtpd_tls_security_level = may\nsmtpd_enforce_tls = yes", .may),
    ("smtpd_tls_security_level = encrypt", .encrypt), ("smtpd_tls_wrappermode = yes", .encrypt),
  ])
  func theLevelIsThatOfTheNewestParameter(text: String, level: ServerTLS.Level) throws {
    let tls = try tls(Self.certificates + text + "\n")
    #expect(tls.level == level)
    #expect((tls.context != nil) == (level != .none))
    #expect(tls.isWrapped == text.contains("wrappermode"))
  }

  @Test(arguments: [
    "smtpd_tls_eccert_file = /ecdsa.pem\nsmtpd_tls_eckey_file = /ecdsa.key\n" + certificates,
    "smtpd_tls_chain_files = /ecdsa.both, /rsa.key /rsa.pem\n",
    "smtpd_tls_cert_file = /rsa.both\n",
    "smtpd_tls_cert_file = none\nsmtpd_tls_eccert_file = /ecdsa.both\n",
    certificates + "tls_ssl_options = NO_TICKET, 0x40\ntls_preempt_cipherlist = yes\n",
    certificates + "smtpd_tls_exclude_ciphers = aNULL, eNULL, EXPORT, DES, RC4, MD5, PSK\n",
    certificates + "smtpd_tls_session_cache_timeout = 0\n",
    certificates + "tls_server_sni_maps = texthash:/names\n",
  ])
  func certificatesComeInManyFiles(text: String) throws {
    #expect(try tls("smtpd_tls_security_level = may\n" + text).context != nil)
  }

  private static let offered = "smtpd_tls_security_level = may\n" + certificates

  @Test(arguments: [
    (offered, false, false), (offered + "smtpd_tls_ask_ccert = yes\n", true, false),
    (offered + "smtpd_tls_req_ccert = yes\n", false, false),
    ("smtpd_tls_security_level = encrypt\nsmtpd_tls_req_ccert = yes\n" + certificates, true, true),
    ("smtpd_tls_wrappermode = yes\nsmtpd_tls_req_ccert = yes\n" + certificates, true, true),
    ("smtpd_tls_ask_ccert = yes\nsmtpd_tls_req_ccert = yes\n", false, false),
  ])
  func certificatesOfClientsAreAskedForUnderTLS(text: String, asks: Bool, requires: Bool) throws {
    let text = text + "smtpd_tls_CAfile = /rsa.pem\nsmtpd_tls_CApath = /folder\n"
    let tls = try tls(text)
    #expect(tls.asksForCertificates == asks && tls.requiresCertificates == requires)
    let isUseless = text.contains("level = may") && text.contains("req_ccert")
    #expect(
      ServerTLS.warnings(of: configuration(text))
        == (isUseless
          ? ["smtpd_tls_req_ccert: Can't require client certs unless TLS is required"] : []))
  }

  @Test func theFilesOfAuthoritiesAreNotReadForNothing() throws {
    let text = "smtpd_tls_CAfile = /gone\nsmtpd_tls_CApath = /gone\n"
    #expect(try tls(Self.offered + text).context != nil)
  }

  @Test(arguments: [
    ("smtpd_tls_CAfile = /gone\n", "smtpd_tls_CAfile: cannot read /gone"),
    ("smtpd_tls_CAfile = /broken\n", "smtpd_tls_CAfile: /broken: no certificate in it"),
    ("smtpd_tls_CApath = /gone\n", "smtpd_tls_CApath: cannot read /gone"),
    ("smtpd_tls_CApath = /bad\n", "smtpd_tls_CApath: /bad/0123abcd.0: no certificate in it"),
    ("smtpd_tls_fingerprint_digest = none\n", "smtpd_tls_fingerprint_digest: unknown digest none"),
  ])
  func whatIsWrongWithAuthoritiesIsNamed(text: String, wanted: String) throws {
    let error = #expect(throws: TLSPolicyError.self) {
      try tls(Self.offered + "smtpd_tls_ask_ccert = yes\n" + text)
    }
    #expect(error?.description.hasPrefix(wanted) == true, "\(String(describing: error))")
  }

  @Test func withoutCertificatesThereIsNothingToOffer() throws {
    #expect(try tls("smtpd_tls_security_level = may\n").context == nil)
    let error = #expect(throws: TLSPolicyError.self) {
      try tls("smtpd_tls_security_level = encrypt\n")
    }
    #expect(error?.description.contains("has no certificate") == true)
  }

  @Test(arguments: [
    ("smtpd_tls_cert_file = /gone\n", "smtpd_tls_cert_file: cannot read /gone: No such file"),
    (
      "smtpd_tls_cert_file = /rsa.pem\nsmtpd_tls_key_file = /gone\n",
      "smtpd_tls_key_file: cannot read /gone"
    ),
    ("smtpd_tls_cert_file = /broken\n", "smtpd_tls_cert_file: /broken: no certificate in it"),
    (
      "smtpd_tls_cert_file = /rsa.pem\nsmtpd_tls_key_file = /ecdsa.key\n",
      "smtpd_tls_cert_file: /rsa.pem: the private key is not that of the certificate"
    ),
    ("smtpd_tls_cert_file = /rsa.pem\n", "smtpd_tls_cert_file: /rsa.pem: no private key in it"),
    (
      "smtpd_tls_chain_files = /rsa.pem, /rsa.key\n",
      "smtpd_tls_chain_files: /rsa.pem: a certificate without the private key before it"
    ),
    (certificates + "tls_ssl_options = NO_SUCH\n", "tls_ssl_options: unknown option NO_SUCH"),
    (certificates + "smtpd_tls_protocols = >=0399\n", "smtpd_tls_protocols: protocol versions"),
    (
      certificates + "smtpd_tls_ciphers = null\ntls_null_cipherlist = !ALL\n",
      "smtpd_tls_exclude_ciphers: cipher list"
    ),
    (certificates + "tls_eecdh_auto_curves = nonsense\n", "tls_eecdh_auto_curves: groups"),
    (
      certificates + "tls_server_sni_maps = inline:{ a.test=/broken }\n",
      "tls_server_sni_maps: a.test: /broken: no private key in it"
    ),
    (
      certificates + "tls_server_sni_maps = inline:{ a.test=/gone }\n",
      "tls_server_sni_maps: a.test: cannot read /gone"
    ),
    (
      certificates + "tls_server_sni_maps = hash:/badnames\n",
      "tls_server_sni_maps: /badnames, line 3: cannot read /gone: No such file"
    ),
    (
      certificates + "tls_server_sni_maps = btree:/brokennames\n",
      "tls_server_sni_maps: /brokennames, line 1: /broken: no private key in it"
    ),
    (
      certificates + "tls_server_sni_maps = regexp:/badpatterns\n",
      "tls_server_sni_maps: /badpatterns, line 2: cannot read /gone"
    ),
    (
      certificates + "tls_server_sni_maps = pcre:/grouped\n",
      "tls_server_sni_maps: pcre:/grouped: line 2: $1 is not allowed here"
    ),
    (certificates + "tls_server_sni_maps = hash:/gone\n", "tls_server_sni_maps: cannot read /gone"),
    (
      certificates + "tls_server_sni_maps = cidr:{ { 0.0.0.0/0 /rsa.both } }\n",
      "tls_server_sni_maps: cidr:{…}: expected static:, inline:"
    ),
    (
      certificates + "tls_server_sni_maps = unionmap:{ static:/rsa.both }\n",
      "tls_server_sni_maps: unionmap:{…}: expected static:, inline:"
    ),
  ])
  func whatIsWrongIsNamed(text: String, wanted: String) throws {
    let error = #expect(throws: TLSPolicyError.self) {
      try tls("smtpd_tls_security_level = may\n" + text)
    }
    #expect(error?.description.hasPrefix(wanted) == true, "\(String(describing: error))")
  }

  @Test func filesOfAServiceWithoutTLSAreNotRead() throws {
    #expect(try material(configuration("smtpd_tls_cert_file = /gone\n")).files.isEmpty)
  }

  private func lookup(_ tables: String) throws -> TLSServerSettings.NameLookup {
    let configuration = configuration(
      "smtpd_tls_security_level = may\ntls_server_sni_maps = \(tables)\n")
    let material = try material(configuration)
    let copy = try #require(KeyMaterial(serialized: material.serialized()))
    return try #require(try copy.nameLookup(for: configuration))
  }

  @Test(arguments: ["texthash", "hash", "btree", "lmdb", "cdb", "proxy:texthash"])
  func namesAreFoundAsTheyAreAndByTheirParents(type: String) throws {
    let lookup = try lookup("\(type):/names")
    #expect(try lookup("MX.test")?.entry == "/rsa.both")
    #expect(try lookup("a.sub.test")?.entry == "/ecdsa.both /rsa.both")
    #expect(try lookup("b.a.sub.test")?.entry == "/ecdsa.both /rsa.both")
    #expect(try lookup("sub.test") == nil)
    #expect(try lookup("a.mx.test") == nil)
    #expect(try lookup("") == nil)
    #expect(try lookup(String(repeating: "a.", count: 300) + "sub.test") == nil)
    #expect(KeyMaterial.keys(of: "a.b.c") == ["a.b.c", ".b.c", ".c"])
  }

  @Test(arguments: ["regexp", "pcre"])
  func patternsSeeTheNameAndItsParents(type: String) throws {
    let lookup = try lookup("\(type):/patterns")
    #expect(try lookup("A.test")?.entry == "/rsa.both")
    #expect(try lookup("x.b.test")?.entry == "/ecdsa.both /rsa.both")
    #expect(try lookup("y.x.b.test")?.entry == "/ecdsa.both /rsa.both")
    #expect(try lookup("b.test") == nil)
    #expect(try lookup("a.test.other") == nil)
  }

  @Test func theFirstTableWithAnAnswerCounts() throws {
    let lookup = try lookup("inline:{ a.test=/ecdsa.both }, static:/rsa.both")
    #expect(try lookup("a.test")?.entry == "/ecdsa.both")
    #expect(try lookup("b.test")?.entry == "/rsa.both")
  }

  @Test func aPatternThatTakesTooLongAnswersNothing() throws {
    let lookup = try lookup("pcre:/slow")
    #expect(try lookup("xxxy")?.entry == "/rsa.both")
    #expect(throws: TLSSetupError.self) { try lookup(String(repeating: "x", count: 60)) }
  }

  @Test func damagedMaterialIsNotTaken() throws {
    let configuration = configuration("smtpd_tls_security_level = may\n" + Self.certificates)
    var material = try material(configuration)
    material.ticketSecret = TicketSecret(bytes: [UInt8](repeating: 3, count: 32), madeAt: 5)
    let bytes = material.serialized()
    #expect(KeyMaterial(serialized: bytes) == material)
    for count in stride(from: 0, to: bytes.count, by: 7) {
      #expect(KeyMaterial(serialized: Array(bytes[..<count])) == nil)
    }
    #expect(KeyMaterial(serialized: bytes + [0]) == nil)
  }
}
