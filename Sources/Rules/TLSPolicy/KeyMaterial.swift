package import Configuration
package import TLSEngine

/// The files with keys and certificates that a configuration names, read by whoever may read them,
/// for processes that may not; and the secret of the session tickets.
package struct KeyMaterial: Hashable, Sendable {
  /// The largest file, in bytes.
  package static let fileSizeMax = 1 << 20
  /// All files together, in bytes.
  package static let sizeMax = 64 << 20

  /// Contents by path.
  var files: [String: [UInt8]] = [:]
  /// The paths of the certificates in folders of authorities.
  var folders: [String: [String]] = [:]
  /// The secret of the session tickets.
  package var ticketSecret: TicketSecret?

  /// Nothing.
  package init() {}

  /// Reads what some configurations name.
  ///
  /// - Parameters:
  ///   - configurations: of each `smtpd` service.
  ///   - list: gives the names of the files in a folder.
  ///   - read: gives the bytes of a file, or says why it cannot be read.
  /// - Throws: the parameter and the file that cannot be used.
  package init(
    of configurations: [Configuration], list: Lister, read: @escaping Reader
  ) throws(TLSPolicyError) {
    for configuration in configurations where ServerTLS.level(of: configuration) != .none {
      try TLSPolicyError.locating(in: configuration) { () throws(TLSPolicyError) in
        try takeServer(configuration, list, read)
      }
    }
  }

  private mutating func takeServer(
    _ configuration: Configuration, _ list: Lister, _ read: @escaping Reader
  ) throws(TLSPolicyError) {
    for (parameter, path) in ServerTLS.files(of: configuration) {
      try take(path, of: parameter, read)
    }
    if ServerTLS.asksForCertificates(configuration) {
      try takeFolder(of: .server, in: configuration, list, read)
    }
    try takeNames(of: configuration, read)
  }

  /// Gives the bytes of a file, at most so many.
  package typealias Reader =
    @Sendable (_ path: String, _ limit: Int) -> Result<[UInt8], UnreadableFile>

  /// Why a file cannot be read.
  package struct UnreadableFile: Error {
    let reason: String

    /// Explains it.
    package init(_ reason: String) { self.reason = reason }
  }

  mutating func take(
    _ path: String, of parameter: String, at place: String? = nil, _ read: Reader
  ) throws(TLSPolicyError) {
    guard files[path] == nil else { return }
    let start = place.map { "\($0): " } ?? ""
    switch read(path, Self.fileSizeMax) {
    case .success(let bytes): files[path] = bytes
    case .failure(let failure):
      throw TLSPolicyError(parameter, "\(start)cannot read \(path): \(failure.reason)")
    }
    guard files.values.reduce(0, { $0 + $1.count }) <= Self.sizeMax else {
      throw TLSPolicyError(parameter, "all files together have over \(Self.sizeMax) bytes")
    }
  }

  /// A file that was read; the parameter that names it, for the case that it was not.
  func file(_ path: String, of parameter: String) throws(TLSPolicyError) -> PEMFile {
    guard let bytes = files[path] else {
      throw TLSPolicyError(parameter, "\(path) was not read")
    }
    return PEMFile(name: path, bytes: bytes)
  }
}
