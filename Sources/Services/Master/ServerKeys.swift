import Configuration
import LinuxSystem
package import ServiceKit
import SystemPackage
import TLSEngine
import TLSPolicy

/// Keys and certificates of the `smtpd` services. `master` reads them, who may, and hands their
/// content to processes that may not.
package enum ServerKeys {
  /// What is wrong with them; empty when every service can speak TLS as it should.
  package static func findings(_ files: ConfigurationFiles) -> [String] {
    do throws(MasterProcess.Failure) {
      _ = try read(for: files, ticketSecret: nil)
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
    let services = files.services.filter { $0.command == "smtpd" }
      .map { ($0.name, files.configuration.overlaid(by: $0).configuration) }
    do throws(TLSPolicyError) {
      var material = try KeyMaterial(of: services.map(\.1)) { path, limit in
        do throws(Errno) {
          return .success(try Files.readWhole(path, limit: limit))
        } catch {
          return .failure(.init("\(error)"))
        }
      }
      for (name, configuration) in services {
        try ServerTLS.check(configuration, service: name, material: material)
      }
      material.ticketSecret = ticketSecret
      return material
    } catch {
      throw MasterProcess.Failure(description: located(error, files.configuration))
    }
  }

  /// The sentence behind the place where its parameter was set.
  private static func located(_ error: TLSPolicyError, _ configuration: Configuration) -> String {
    let name = error.description.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    let place = configuration.location(of: String(name))
    return place.map { "\($0): \(error)" } ?? "\(error)"
  }
}
