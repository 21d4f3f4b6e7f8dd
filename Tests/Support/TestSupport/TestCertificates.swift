import Foundation

/// Keys and certificates for tests, made by `openssl` once for each process.
package enum TestCertificates {
  /// An algorithm of a key.
  package enum Algorithm: String, CaseIterable, Sendable {
    /// RSA with 2048 bits.
    case rsa
    /// ECDSA over P-256.
    case ecdsa
  }

  /// A key and its self-signed certificate, in PEM.
  package struct Pair: Sendable {
    /// The private key.
    package let key: [UInt8]
    /// The certificate.
    package let certificate: [UInt8]
  }

  /// A fresh pair for a name; throws what `openssl` says when it fails.
  ///
  /// - Parameters:
  ///   - subject: the whole name, when it is to say more.
  ///   - issuer: who signs; the certificate itself unless given.
  ///   - extensions: more lines such as `extendedKeyUsage=clientAuth`.
  ///   - days: how long it is good; -1 for one that was good until yesterday.
  package static func make(
    _ algorithm: Algorithm, name: String = "mx.test", subject: String? = nil, issuer: Pair? = nil,
    extensions: [String] = [], days: Int = 30
  ) throws -> Pair {
    let folder = try TemporaryDirectory(prefix: "certificate")
    let kind =
      switch algorithm {
      case .rsa: ["rsa:2048"]
      case .ecdsa: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
      }
    try openssl(
      ["req", "-new", "-nodes", "-utf8", "-newkey"] + kind + [
        "-keyout", folder.path("key"), "-out", folder.path("request"), "-subj",
        subject ?? "/CN=\(name)",
      ])
    var signer = ["-signkey", folder.path("key")]
    if let issuer {
      try Data(issuer.certificate).write(to: URL(filePath: folder.path("issuer.pem")))
      try Data(issuer.key).write(to: URL(filePath: folder.path("issuer.key")))
      signer = ["-CA", folder.path("issuer.pem"), "-CAkey", folder.path("issuer.key")]
    }
    let lines = ["subjectAltName=DNS:\(name)"] + extensions
    try Data(lines.map { "\($0)\n" }.joined().utf8)
      .write(to: URL(filePath: folder.path("extensions")))
    try openssl(
      [
        "x509", "-req", "-in", folder.path("request"), "-out", folder.path("certificate"),
        "-days", "\(days)", "-set_serial", "\(UInt32.random(in: 1...UInt32.max))", "-extfile",
        folder.path("extensions"),
      ] + signer)
    return Pair(
      key: try Array(Data(contentsOf: URL(filePath: folder.path("key")))),
      certificate: try Array(Data(contentsOf: URL(filePath: folder.path("certificate")))))
  }

  /// A fresh authority, whose certificate may sign others.
  package static func makeAuthority(
    _ subject: String, issuer: Pair? = nil
  ) throws -> Pair {
    try make(
      .ecdsa, subject: subject, issuer: issuer,
      extensions: ["basicConstraints=critical,CA:TRUE"])
  }

  private static func openssl(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let said = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw CocoaError(
        .executableLoad, userInfo: ["openssl": String(decoding: said, as: UTF8.self)])
    }
  }

  /// One pair of each algorithm, the same for the whole process.
  package static let rsa = Result { try make(.rsa) }
  /// See `rsa`.
  package static let ecdsa = Result { try make(.ecdsa) }
}

/// An authority and certificates of clients, one for each way in which one can be good or bad.
package struct TestClients: Sendable {
  /// Made once for each process.
  package static let shared = Result { try TestClients() }

  /// The authority that servers under test trust.
  package let authority: TestCertificates.Pair
  /// The certificates and keys of clients by what they are: `good`, `deep` (below two more
  /// authorities, which its chain holds), `alien` (of an authority that nobody trusts), `self`
  /// (signed by itself), `old` (not good any more), `server` (not for clients), `nameless` (without
  /// a common name), `odd` (with a name that is a trial for comments).
  package let pairs: [String: TestCertificates.Pair]

  private init() throws {
    typealias Made = TestCertificates
    authority = try Made.makeAuthority("/O=Test/CN=Test CA")
    let middle = try Made.makeAuthority("/O=Test/CN=Middle CA", issuer: authority)
    let low = try Made.makeAuthority("/O=Test/CN=Low CA", issuer: middle)
    let strange = try Made.makeAuthority("/O=Strange/CN=Strange CA")
    let forClients = ["extendedKeyUsage=clientAuth"]
    let deep = try Made.make(.ecdsa, name: "deep.test", issuer: low, extensions: forClients)
    pairs = [
      "good": try Made.make(
        .ecdsa, name: "good.test", subject: "/O=Test/CN=good.test", issuer: authority,
        extensions: forClients),
      "deep": Made.Pair(
        key: deep.key, certificate: deep.certificate + low.certificate + middle.certificate),
      "alien": try Made.make(.ecdsa, name: "alien.test", issuer: strange, extensions: forClients),
      "self": try Made.make(.ecdsa, name: "self.test"),
      "old": try Made.make(
        .ecdsa, name: "old.test", issuer: authority, extensions: forClients, days: -1),
      "server": try Made.make(
        .ecdsa, name: "server.test", issuer: authority,
        extensions: ["extendedKeyUsage=serverAuth"]),
      "nameless": try Made.make(.ecdsa, subject: "/O=Nameless"),
      "odd": try Made.make(.ecdsa, subject: "/O=Odd/CN=(a)) ä\\\\ (b/CN=second"),
    ]
  }
}
