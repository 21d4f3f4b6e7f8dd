import LinuxSystem
import LookupTables
import MailSite
import Primitives
import Reactor
import ServiceKit
import Streams
import SystemPackage

/// Opens the connection to a milter.
@ReactorActor
struct MilterDialing {
  private let service: MilterService
  private let names: LookupThread

  /// - Parameter names: the thread that looks up names of hosts.
  init(_ service: MilterService, names: LookupThread) {
    self.service = service
    self.names = names
  }

  /// Connects to the first of its addresses that answers.
  func connect(_ deadline: MonotonicTime) async throws(MilterTrouble) -> ByteStream {
    switch service.place {
    case .path(let path):
      do throws(Errno) {
        return try ByteStream(try Sockets.connectUnix(path))
      } catch {
        throw .connect("\(error)")
      }
    case .host(let host, let port):
      var reason = "no address"
      for (address, port) in try await addresses(of: host, port) {
        do throws(StreamError) {
          return try await ByteStream.connect(to: address, port: port, deadline: deadline)
        } catch {
          if case .cancelled = error { throw .cancelled }
          reason = error.milterReason
        }
      }
      throw .connect(reason)
    }
  }

  /// The addresses of a host; names are looked up on another thread.
  private func addresses(
    of host: String, _ port: String
  ) async throws(MilterTrouble) -> [(IPAddress, UInt16)] {
    if let address = IPAddress(host), let number = UInt16(port), number > 0 {
      return [(address, number)]
    }
    let found: [UInt8]?
    do throws(LookupError) {
      found = try await names.answer(
        to: { Self.lookUp(host, port) }, of: service.name)
    } catch {
      throw .connect("\(error)")
    }
    let words = String(decoding: found ?? [], as: UTF8.self).split(separator: " ")
    guard let number = words.first.flatMap({ UInt16($0) }), number > 0 else {
      throw .connect("unknown service \(port)")
    }
    return words.dropFirst().compactMap { IPAddress(String($0)) }.map { ($0, number) }
  }

  /// Port and addresses as words, which is what look-ups give.
  private nonisolated static func lookUp(
    _ host: String, _ port: String
  ) -> Result<[UInt8]?, LookupError> {
    let number = UInt16(port) ?? NameService.port(ofService: port) ?? 0
    do throws(NameService.Failure) {
      var words = [String(number)]
      if let address = IPAddress(host) {
        words.append("\(address)")
      } else {
        words += try NameService.addresses(ofHost: host).map(\.description)
      }
      return .success(Array(words.joined(separator: " ").utf8))
    } catch {
      return .failure(.failed(table: host, reason: error.description))
    }
  }
}
