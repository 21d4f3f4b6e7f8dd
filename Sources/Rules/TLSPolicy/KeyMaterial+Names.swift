import Configuration
import LookupTables
import TLSEngine

/// `tls_server_sni_maps`: files with keys and chains by the name that a client asks for.
extension KeyMaterial {
  private static let parameter = ListParameter.tlsServerSNIMaps.declaration.name

  /// What one value of the parameter is kept under.
  private static func tablesName(_ configuration: Configuration) -> String {
    configuration[.tlsServerSNIMaps].joined(separator: " ")
  }

  /// Reads the tables, and the files that they name.
  mutating func takeNames(
    of configuration: Configuration, _ read: @escaping Reader
  ) throws(TLSPolicyError) {
    let tables = configuration[.tlsServerSNIMaps]
    let name = Self.tablesName(configuration)
    guard !tables.isEmpty, names[name] == nil else { return }
    var entries: [String: [String]] = [:]
    let opener = TableOpener { try? read($0, Self.fileSizeMax).get() }
    for table in tables {
      for (key, value) in try Self.entries(of: table, opener) where entries[key] == nil {
        let paths = value.split { $0 == "," || $0.isWhitespace }.map(String.init)
        guard !paths.isEmpty else { throw TLSPolicyError(Self.parameter, "\(key) has no files") }
        for path in paths { try take(path, of: Self.parameter, read) }
        entries[key] = paths
      }
    }
    names[name] = entries
  }

  private static func entries(
    of table: String, _ opener: TableOpener
  ) throws(TLSPolicyError) -> [(String, String)] {
    do throws(LookupError) {
      guard let open = try opener.open(table) as? DictionaryTable else {
        throw .malformed(
          table: table, reason: "expected texthash: or inline:, whose names can all be read")
      }
      return open.all.map {
        (String(decoding: $0.key, as: UTF8.self), String(decoding: $0.value, as: UTF8.self))
      }
    } catch {
      throw TLSPolicyError(parameter, "\(error)")
    }
  }

  /// Finds credentials by name; `nil` when the parameter is empty.
  func nameLookup(
    for configuration: Configuration
  ) throws(TLSPolicyError) -> TLSServerSettings.NameLookup? {
    guard !configuration[.tlsServerSNIMaps].isEmpty else { return nil }
    var known: [String: [TLSCredential]] = [:]
    for (name, paths) in names[Self.tablesName(configuration)] ?? [:] {
      var files: [PEMFile] = []
      for path in paths { files.append(try file(path, of: Self.parameter)) }
      known[name] = [.sequence(files)]
    }
    return { [known] name in
      for key in Self.keys(of: name) {
        if let credentials = known[key] { return (key, credentials) }
      }
      return nil
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
    for (name, paths) in names[Self.tablesName(configuration)] ?? [:] {
      var files: [PEMFile] = []
      for path in paths { files.append(try file(path, of: Self.parameter)) }
      let settings = TLSServerSettings(name: name, credentials: [.sequence(files)])
      do throws(TLSSetupError) {
        _ = try TLSContext(server: settings)
      } catch {
        throw TLSPolicyError(Self.parameter, "\(name): \(error)")
      }
    }
  }
}
