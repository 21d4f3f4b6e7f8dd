package import Configuration
import LinuxSystem
import SystemPackage

/// `main.cf` and `master.cf` of a folder, read and evaluated.
package struct ConfigurationFiles: Sendable {
  /// The largest file that is read, in bytes.
  private static let fileSizeMax = 16 << 20

  /// The folder.
  package let directory: String
  /// The evaluated parameters; not to be used when there are errors.
  package private(set) var configuration: Configuration
  /// The services of `master.cf`, in its order.
  package let services: [ServiceEntry]
  /// Errors and warnings of both files.
  package let diagnostics: [Diagnostic]

  /// Whether any finding forbids the use of the configuration.
  package var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// Reads the files in `directory`; what is wrong is in `diagnostics`.
  package init(directory: String) {
    self.directory = directory
    var findings: [Diagnostic] = []
    let main = MainFile(
      Self.content(directory + "/main.cf", &findings), file: directory + "/main.cf")
    let master = MasterFile(
      Self.content(directory + "/master.cf", &findings), file: directory + "/master.cf")
    let evaluation = Configuration.evaluate(
      main, host: .ofThisHost(), directory: directory, services: master.services,
      read: { try? Files.readWhole($0, limit: Self.fileSizeMax) })
    configuration = evaluation.configuration
    services = master.services
    var all = findings + evaluation.diagnostics + master.diagnostics
    for service in master.services where !service.overrides.isEmpty {
      all += evaluation.configuration.overlaid(by: service).diagnostics
    }
    all += TransportCheck(master.services).diagnostics(evaluation.configuration)
    diagnostics = all + ServiceCheck(master.services, directory: directory).diagnostics()
  }

  /// The same with values that stand in no file.
  package func pinning(_ values: [(name: String, value: String)]) -> ConfigurationFiles {
    guard !values.isEmpty else { return self }
    var pinned = self
    let location = SourceLocation(file: directory + "/main.cf", line: 0)
    pinned.configuration =
      configuration.overlaid(
        by: values.map { Assignment(name: $0.name, value: $0.value, location: location) }
      ).configuration
    return pinned
  }

  private static func content(_ path: String, _ findings: inout [Diagnostic]) -> [UInt8] {
    do throws(Errno) {
      return try Files.readWhole(path, limit: fileSizeMax)
    } catch {
      findings.append(
        Diagnostic(
          .error, at: nil, subject: nil,
          "cannot read \(path): \(error)"))
      return []
    }
  }
}

extension HostFacts {
  /// What this host says of itself.
  package static func ofThisHost() -> HostFacts {
    let name = (try? ThisProcess.hostName()) ?? "localhost"
    let interfaces = (try? Interfaces.addresses()) ?? []
    return HostFacts(
      hostname: name,
      interfaces: interfaces.map { InterfaceAddress($0.address, prefixLength: $0.prefixLength) })
  }
}
