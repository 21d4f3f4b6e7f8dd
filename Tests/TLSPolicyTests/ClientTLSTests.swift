import Configuration
import LookupTables
import TLSEngine
import TestSupport
import Testing

@testable import TLSPolicy

@Suite struct ClientTLSTests {
  private static let files: [String: [UInt8]] = {
    var files = ["/broken": Array("nothing".utf8)]
    guard let pair = try? TestCertificates.ecdsa.get() else { return files }
    files["/cert"] = pair.certificate
    files["/key"] = pair.key
    files["/both"] = pair.key + pair.certificate
    for name in ["0a1b2c3d.0", "0a1b2c3d.1"] { files["/folder/\(name)"] = pair.certificate }
    return files
  }()

  private func configuration(_ text: String) -> Configuration {
    let evaluation = Configuration.evaluate(
      MainFile(Array(("compatibility_level = 3.6\n" + text).utf8), file: "main.cf"),
      host: HostFacts(hostname: "mx.test", interfaces: []))
    #expect(!evaluation.hasErrors, "\(evaluation.diagnostics)")
    return evaluation.configuration
  }

  private func material(_ configuration: Configuration) throws(TLSPolicyError) -> KeyMaterial {
    try KeyMaterial(ofClients: [configuration]) { folder in
      folder == "/folder"
        ? .success(["0a1b2c3d.0", "README", "0a1b2c3d.1", "ca.pem", "0a1b2c3d.x"])
        : .failure(.init("No such file or directory"))
    } read: { path, _ in
      Self.files[path].map { .success($0) } ?? .failure(.init("No such file or directory"))
    }
  }

  private func tls(_ text: String) throws -> ClientTLS {
    let configuration = configuration(text)
    let material = try material(configuration)
    let copy = try #require(KeyMaterial(serialized: material.serialized()))
    #expect(copy == material)
    return try ClientTLS.check(configuration, material: copy, opener: TableOpener { _ in nil })
  }

  @Test(arguments: [
    ("", ClientTLSPolicy.Level.none), ("smtp_use_tls = yes", .may),
    ("smtp_enforce_tls = yes", .verify),
    ("smtp_enforce_tls = yes\nsmtp_tls_enforce_peername = no", .encrypt),
    ("smtp_tls_security_level = none\nsmtp_enforce_tls = yes", .none),
    ("smtp_tls_security_level = may\nsmtp_enforce_tls = yes", .may),
    ("smtp_tls_security_level = encrypt", .encrypt), ("smtp_tls_security_level = secure", .secure),
    // RFC 7672 2.2: without records there is nothing to hold a server to.
    ("smtp_tls_security_level = dane", .may),
  ])
  func theLevelIsThatOfTheNewestParameter(text: String, level: ClientTLSPolicy.Level) throws {
    let tls = try tls(text + "\n")
    let policy = try tls.generalPolicy.get()
    #expect(policy.level == level)
    #expect(policy.isMandatory == (level >= .encrypt))
    #expect(tls.warnings.isEmpty != text.hasSuffix("dane"))
  }

  @Test func namesComeFromTheDestinationAndTheHost() throws {
    let secure = try tls("smtp_tls_security_level = secure\n").generalPolicy.get()
    #expect(
      secure.expectedNames(nextHop: "a.test", host: "mx.b.test") == ["a.test", ".a.test"])
    let verify = try tls(
      "smtp_tls_security_level = verify\nsmtp_tls_verify_cert_match = hostname:x.test, .y.test\n"
    ).generalPolicy.get()
    #expect(
      verify.expectedNames(nextHop: "a.test", host: "mx.b.test")
        == ["mx.b.test", "x.test", ".y.test"])
    let may = try tls("smtp_tls_security_level = may\n").generalPolicy.get()
    #expect(may.expectedNames(nextHop: "a.test", host: "mx.b.test").isEmpty)
    for (text, name) in [("", nil), ("hostname", "h"), ("nexthop", "n"), ("z.test", "z.test")] {
      let tls = try tls("smtp_tls_security_level = may\nsmtp_tls_servername = \(text)\n")
      #expect(try tls.generalPolicy.get().askedName(nextHop: "n", host: "h") == name)
    }
  }

  @Test func destinationsAreLookedUpAsPostfixDoes() {
    #expect(ClientTLS.keys(of: "a.b.test") == ["a.b.test", ".b.test", ".test"])
    for exact in ["[a.b.test]", "[a.b.test]:25", "a.b.test:25", "[192.0.2.1]", "unix:/a.b"] {
      #expect(ClientTLS.keys(of: exact) == [exact])
    }
  }

  private func answer(_ value: String, _ text: String = "") async throws -> ClientTLS.Answer {
    try await tls("smtp_tls_policy_maps = static:{\(value)}\n" + text).policy(for: "a.test")
  }

  @Test func attributesStandInThePlaceOfParameters() async throws {
    let may = try await answer("may").policy.get()
    #expect(may.versions.lowest == 0x0301 && may.ciphers.hasPrefix("aNULL:-aNULL:HIGH:MEDIUM"))
    let other = try await answer(
      "encrypt protocols=>=TLSv1.2:!TLSv1.3 ciphers=high, exclude=AES:RC4 servername=x.test",
      "smtp_tls_exclude_ciphers = SEED\nsmtp_tls_mandatory_exclude_ciphers = CAMELLIA\n"
    ).policy.get()
    #expect(other.level == .encrypt && other.serverName == "x.test")
    #expect(other.versions.lowest == 0x0303 && other.versions.excluded == [0x0304])
    #expect(other.ciphers == "aNULL:-aNULL:HIGH:@STRENGTH:!AES:!RC4:!eNULL")
    let general = try await answer(
      "verify", "smtp_tls_exclude_ciphers = SEED\nsmtp_tls_mandatory_exclude_ciphers = MD5\n"
    ).policy.get()
    #expect(general.ciphers.hasSuffix(":!SEED:!MD5:!aNULL"))
    #expect(general.names == ["hostname"])
    let matched = try await answer("secure match=x.test:.y.test match=nexthop").policy.get()
    #expect(matched.names == ["x.test", ".y.test", "nexthop"])
    let known = try await answer("fingerprint match=0A:0b|0C0d match=ff").policy.get()
    #expect(known.fingerprints == [[10, 11], [12, 13], [255]])
    let none = try await answer("none match=x")
    #expect(try none.policy.get() == .plaintext)
    #expect(
      none.remarks == [
        "smtp_tls_policy_maps, next-hop destination \"a.test\": "
          + "ignoring attribute \"match=x\" with TLS disabled"
      ])
  }

  /// As in Postfix: a greeting without TLS would be waited for in vain.
  @Test(arguments: ["none", "may"]) func inWrapperModeNothingIsSentWithoutTLS(level: String)
    async throws
  {
    let answer = try await answer(level, "smtp_tls_wrappermode = yes\n")
    guard case .failure(let problem) = answer.policy else {
      Issue.record("\(level) makes a policy")
      return
    }
    #expect(
      problem.warnings == [
        "nexthop domain a.test: smtp_tls_wrappermode requires "
          + "\"smtp_tls_security_level = encrypt\" (or stronger)"
      ])
    let strict = try await self.answer("encrypt", "smtp_tls_wrappermode = yes\n").policy.get()
    #expect(strict.isMandatory)
  }

  @Test(arguments: [
    ("bogus", "invalid security level \"bogus\""), ("unset", "invalid security level \"unset\""),
    ("may foo", "malformed attribute/value pair \"foo\": missing '=' after attribute name"),
    ("may =foo", "malformed attribute/value pair \"=foo\": missing '=' after attribute name"),
    ("may foo=bar", "invalid attribute name: \"foo\""),
    ("encrypt match=bar", "attribute \"match\" invalid at security level \"encrypt\""),
    ("encrypt protocols=TLSv1.9", "invalid TLS protocol list \"TLSv1.9\""),
    ("encrypt ciphers=bogus", "invalid cipher grade: \"bogus\""),
    ("encrypt ciphers=", "attribute \"ciphers\" has empty value"),
    ("may ciphers=high ciphers=low", "attribute \"ciphers\" is specified multiple times"),
    ("secure tafile=/x", "attribute \"tafile\" is not implemented; use smtp_tls_CAfile"),
    (",", "invalid empty policy"),
  ])
  func anEntryThatMakesNoSenseIsNamed(value: String, fault: String) async throws {
    let problem = #expect(throws: ClientTLSProblem.self) {
      try PolicyEntryOutcome(value).get()
    }
    #expect(problem?.warnings == [fault])
    if value != "," {
      let answer = try await answer(value)
      guard case .failure(let found) = answer.policy else {
        Issue.record("\(value) makes a policy")
        return
      }
      #expect(found.reason == "client TLS configuration problem")
      #expect(
        found.warnings == ["smtp_tls_policy_maps, next-hop destination \"a.test\": \(fault)"])
    }
  }

  /// Reads an entry.
  private struct PolicyEntryOutcome {
    let value: String
    init(_ value: String) { self.value = value }

    func get() throws(ClientTLSProblem) -> PolicyEntry {
      do throws(PolicyEntry.Fault) {
        return try PolicyEntry(Array(value.utf8))
      } catch {
        throw ClientTLSProblem([error.text])
      }
    }
  }

  @Test func keysCertificatesAndAuthoritiesComeInManyFiles() throws {
    for text in [
      "smtp_tls_CAfile = /cert\n", "smtp_tls_CApath = /folder\n",
      "smtp_tls_cert_file = /cert\nsmtp_tls_key_file = /key\nsmtp_tls_CApath = /folder\n",
      "smtp_tls_eccert_file = /both\n", "smtp_tls_chain_files = /both\n",
    ] {
      let tls = try tls("smtp_tls_security_level = may\n" + text)
      #expect(throws: Never.self) { try tls.context(for: tls.generalPolicy.get()) }
    }
    let configuration = configuration("smtp_use_tls = yes\nsmtp_tls_CApath = /folder\n")
    let material = try material(configuration)
    #expect(material.folders == ["/folder": ["/folder/0a1b2c3d.0", "/folder/0a1b2c3d.1"]])
    #expect(Set(material.files.keys) == Set(material.folders["/folder"] ?? []))
  }

  @Test func filesOfATransportWithoutTLSAreNotRead() throws {
    #expect(try material(configuration("smtp_tls_CAfile = /gone\n")).files.isEmpty)
  }

  @Test(arguments: [
    ("smtp_tls_security_level = dane-only\n", "smtp_tls_security_level: dane-only needs TLSA"),
    (
      "smtp_tls_security_level = may\nsmtp_tls_wrappermode = yes\n",
      "smtp_tls_wrappermode: it needs smtp_tls_security_level = encrypt"
    ),
    ("smtp_use_tls = yes\nsmtp_tls_CAfile = /gone\n", "smtp_tls_CAfile: cannot read /gone"),
    (
      "smtp_use_tls = yes\nsmtp_tls_CAfile = /broken\n",
      "smtp_tls_CAfile: /broken: no certificate in it"
    ),
    ("smtp_use_tls = yes\nsmtp_tls_CApath = /gone\n", "smtp_tls_CApath: cannot read /gone"),
    (
      "smtp_use_tls = yes\nsmtp_tls_cert_file = /cert\n",
      "smtp_tls_cert_file: /cert: no private key in it"
    ),
    (
      "smtp_tls_policy_maps = static:may\nsmtp_tls_cert_file = /cert\n"
        + "smtp_tls_key_file = /gone\n",
      "smtp_tls_key_file: cannot read /gone"
    ),
    (
      "smtp_tls_policy_maps = nonsense:x\n",
      "smtp_tls_policy_maps: nonsense:x: unknown table type"
    ),
    (
      "smtp_use_tls = yes\nsmtp_tls_mandatory_protocols = >=0399\n",
      "smtp_tls_mandatory_protocols: protocol versions"
    ),
    (
      "smtp_use_tls = yes\nsmtp_tls_fingerprint_digest = none\n",
      "smtp_tls_fingerprint_digest: unknown digest none"
    ),
    (
      "smtp_use_tls = yes\nsmtp_tls_fingerprint_cert_match = xy\n",
      "smtp_tls_fingerprint_cert_match: xy is no fingerprint"
    ),
  ])
  func whatIsWrongIsNamed(text: String, wanted: String) throws {
    let error = #expect(throws: TLSPolicyError.self) { try tls(text) }
    #expect(error?.description.hasPrefix(wanted) == true, "\(String(describing: error))")
  }

  @Test(arguments: ["none", "may", "dane"]) func wrapperModeNeedsAnEntryWhereTheLevelIsLax(
    level: String
  ) async throws {
    let tls = try tls(
      "smtp_tls_wrappermode = yes\nsmtp_tls_security_level = \(level)\n"
        + "smtp_tls_policy_maps = inline:{b.test=encrypt}\n")
    #expect(throws: ClientTLSProblem.self) { try tls.generalPolicy.get() }
    #expect(try await tls.policy(for: "b.test").policy.get().isMandatory)
  }

  @Test func fingerprintsNeedAFingerprint() throws {
    let tls = try tls("smtp_tls_security_level = fingerprint\n")
    guard case .failure(let problem) = tls.generalPolicy else {
      Issue.record("there is a policy")
      return
    }
    #expect(problem.warnings.count == 1 && problem.warnings[0].contains("no fingerprints"))
  }
}
