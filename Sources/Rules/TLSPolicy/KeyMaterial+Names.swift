import Configuration
import LookupTables
import TLSEngine

/// `tls_server_sni_maps`: files with keys and chains by the name that a client asks for.
extension KeyMaterial {
  private static let parameter = ListParameter.tlsServerSNIMaps.declaration.name
  /// How often the match of a pattern may try and go back: the handshake of others waits for it.
  private static let matchLimit: UInt32 = 10_000

  /// Reads the tables, and the files that they name, all that they can answer.
  mutating func takeNames(
    of configuration: Configuration, _ read: @escaping Reader
  ) throws(TLSPolicyError) {
    for table in configuration[.tlsServerSNIMaps] {
      for path in TableOpener.files(of: table) { try take(path, of: Self.parameter, read) }
    }
    for (place, paths) in try answers(of: configuration) {
      for path in paths { try take(path, of: Self.parameter, at: place, read) }
    }
  }

  /// The tables, of which every file has been read.
  private func tables(of configuration: Configuration) throws(TLSPolicyError) -> [FixedTable] {
    let files = files
    let opener = TableOpener(takesGroups: false, matchLimit: Self.matchLimit) { files[$0] }
    var tables: [FixedTable] = []
    for table in configuration[.tlsServerSNIMaps] {
      do throws(LookupError) {
        tables.append(try opener.openFixed(table))
      } catch {
        throw TLSPolicyError(Self.parameter, "\(error)")
      }
    }
    return tables
  }

  /// The files of every answer that the tables can give, and where it stands.
  private func answers(
    of configuration: Configuration
  ) throws(TLSPolicyError) -> [(place: String, paths: [String])] {
    var answers: [(place: String, paths: [String])] = []
    for (place, value) in try tables(of: configuration).flatMap(\.answers) {
      let paths = Self.paths(value)
      guard !paths.isEmpty else { throw TLSPolicyError(Self.parameter, "\(place) has no files") }
      answers.append((place, paths))
    }
    return answers
  }

  private static func paths(_ value: [UInt8]) -> [String] {
    String(decoding: value, as: UTF8.self).split { $0 == "," || $0.isWhitespace }.map(String.init)
  }

  private func credential(_ paths: [String]) throws(TLSPolicyError) -> TLSCredential {
    var files: [PEMFile] = []
    for path in paths { files.append(try file(path, of: Self.parameter)) }
    return .sequence(files)
  }

  /// Finds credentials by name; `nil` when the parameter is empty.
  func nameLookup(
    for configuration: Configuration
  ) throws(TLSPolicyError) -> TLSServerSettings.NameLookup? {
    let tables = try tables(of: configuration)
    guard !tables.isEmpty else { return nil }
    var known: [[String]: TLSCredential] = [:]
    for (_, paths) in try answers(of: configuration) { known[paths] = try credential(paths) }
    return { [known] name throws(TLSSetupError) in
      for key in Self.keys(of: name) {
        for table in tables {
          guard let value = try Self.find(key, in: table) else { continue }
          let paths = Self.paths(value)
          guard let credential = known[paths] else { continue }
          return (paths.joined(separator: " "), [credential])
        }
      }
      return nil
    }
  }

  private static func find(
    _ key: String, in table: FixedTable
  ) throws(TLSSetupError) -> [UInt8]? {
    do throws(LookupError) {
      return try table.find(Array(key.utf8))
    } catch {
      throw TLSSetupError(name: key, "\(error)")
    }
  }

  /// The name as it is, then its parents with a dot before them.
  static func keys(of name: String) -> [String] {
    let name = name.lowercased()
    // RFC 1035 3.1: no name is longer.
    guard name.utf8.count <= 255 else { return [] }
    var keys = [name]
    var rest = name[...]
    while let dot = rest.firstIndex(of: ".") {
      if dot > name.startIndex { keys.append(String(rest[dot...])) }
      rest = rest[rest.index(after: dot)...]
    }
    return keys
  }

  /// Whether the credentials of every name can be used; throws what is wrong with the first.
  func checkNames(for configuration: Configuration) throws(TLSPolicyError) {
    for (place, paths) in try answers(of: configuration) {
      let credential = try credential(paths)
      do throws(TLSSetupError) {
        _ = try TLSContext(server: TLSServerSettings(name: place, credentials: [credential]))
      } catch {
        throw TLSPolicyError(Self.parameter, "\(place): \(error)")
      }
    }
  }
}
