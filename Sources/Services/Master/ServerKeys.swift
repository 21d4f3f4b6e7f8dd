import Configuration
import LinuxSystem
package import ServiceKit
import SystemPackage
import TLSEngine
import TLSPolicy

/// Keys and certificates of the `smtpd` services, and those of the transports. `master` reads them,
/// who may, and hands their content to processes that may not.
package enum ServerKeys {
  /// What is wrong with them; empty when every service can speak TLS as it should.
  package static func findings(_ files: ConfigurationFiles) -> [String] {
    do throws(MasterProcess.Failure) {
      _ = try read(for: files, ticketSecret: nil)
      _ = try readClientKeys(for: files)
      return []
    } catch {
      return [error.description]
    }
  }

  /// Reads all that the services name and makes sure that it can be used.
  ///
  /// - Parameter ticketSecret: what session tickets are sealed with.
  static func read(
    for files: ConfigurationFiles, ticketSecret: TicketSecret?
  ) throws(MasterProcess.Failure) -> KeyMaterial {
    let services = servers(of: files)
    do throws(TLSPolicyError) {
      var material = try KeyMaterial(
        of: services.map(\.configuration), list: Self.names, read: Self.content)
      for (name, configuration) in services {
        try TLSPolicyError.locating(in: configuration) { () throws(TLSPolicyError) in
          try ServerTLS.check(configuration, service: name, material: material)
        }
      }
      material.ticketSecret = ticketSecret
      return material
    } catch {
      throw MasterProcess.Failure(description: error.located)
    }
  }

  /// Reads what the transports that speak SMTP name, and makes sure that it can be used.
  @discardableResult
  static func readClientKeys(
    for files: ConfigurationFiles
  ) throws(MasterProcess.Failure) -> KeyMaterial {
    let transports = clients(of: files)
    do throws(TLSPolicyError) {
      let material = try KeyMaterial(
        ofClients: transports, list: Self.names, read: Self.content)
      for configuration in transports {
        try TLSPolicyError.locating(in: configuration) { () throws(TLSPolicyError) in
          _ = try ClientTLS.check(configuration, material: material, opener: .command())
          _ = try ClientLogins(configuration, opener: .command())
        }
      }
      return material
    } catch {
      throw MasterProcess.Failure(description: error.located)
    }
  }

  /// What an administrator should know of the services' and transports' TLS.
  package static func warnings(_ files: ConfigurationFiles) -> [String] {
    var found: [String] = []
    let ofServers = servers(of: files).map {
      ($0.configuration, ServerTLS.warnings(of: $0.configuration))
    }
    let ofClients = clients(of: files).map { ($0, ClientTLS.warnings(of: $0)) }
    for (configuration, warnings) in ofServers + ofClients {
      for warning in warnings {
        let text = configuration.located(configuration.named(warning))
        if !found.contains(text) { found.append(text) }
      }
    }
    return found
  }

  private static func servers(
    of files: ConfigurationFiles
  ) -> [(name: String, configuration: Configuration)] {
    files.services.filter { $0.command == "smtpd" }
      .map { ($0.name, files.configuration.overlaid(by: $0).configuration) }
  }

  /// The configurations of all that speaks SMTP or LMTP to others: there are always transports
  /// `smtp` and `lmtp`.
  private static func clients(of files: ConfigurationFiles) -> [Configuration] {
    let services = files.services.filter { ["smtp", "lmtp"].contains($0.command) }
    return [files.configuration, files.configuration.forLMTP]
      + services.map { service in
        let configuration = files.configuration.overlaid(by: service).configuration
        return service.command == "lmtp" ? configuration.forLMTP : configuration
      }
  }

  @Sendable private static func content(
    _ path: String, limit: Int
  ) -> Result<[UInt8], KeyMaterial.UnreadableFile> {
    do throws(Errno) {
      return .success(try Files.readWhole(path, limit: limit))
    } catch {
      return .failure(.init("\(error)"))
    }
  }

  @Sendable private static func names(
    _ folder: String
  ) -> Result<[String], KeyMaterial.UnreadableFile> {
    do throws(Errno) {
      let opened = try Files.open(folder, [.read, .directory])
      return .success(try Files.names(in: opened.raw))
    } catch {
      return .failure(.init("\(error)"))
    }
  }
}
