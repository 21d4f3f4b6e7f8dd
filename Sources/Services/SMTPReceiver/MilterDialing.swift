import LinuxSystem
import LookupTables
import MailSite
import Primitives
import Reactor
import ServiceKit
import Streams
import SystemPackage

/// Opens the connections of a process to milters.
///
/// Only so many are under way to one place at a time: who comes later waits in line, as long as
/// its own time lasts, so that many clients at once do not become as many tries of a milter that
/// has no room for them.
@ReactorActor
final class MilterDialing {
  /// Connections to one place that are under way at a time.
  static let underWayMax = 32

  private let names: LookupThread
  private let underWayMax: Int
  private var lines: [MilterService.Place: Line] = [:]

  /// Those who connect to one place.
  private final class Line {
    let room: Mailbox<Void>
    var length = 0

    @ReactorActor init(_ room: Mailbox<Void>) { self.room = room }
  }

  /// - Parameter names: the thread that looks up names of hosts.
  init(names: LookupThread, underWayMax: Int = MilterDialing.underWayMax) {
    self.names = names
    self.underWayMax = underWayMax
  }

  /// Those who connect, or wait for their turn to.
  var count: Int { lines.values.reduce(0) { $0 + $1.length } }

  /// Connects to the first of a milter's addresses that answers.
  func connect(
    to service: MilterService, deadline: MonotonicTime
  ) async throws(MilterTrouble) -> ByteStream {
    let line = lines[service.place] ?? newLine()
    lines[service.place] = line
    line.length += 1
    defer {
      line.length -= 1
      if line.length == 0 { lines[service.place] = nil }
    }
    do throws(WaitError) {
      try await line.room.next(deadline: deadline)
    } catch {
      throw Self.trouble(StreamError(error))
    }
    defer { _ = line.room.push(()) }
    switch service.place {
    case .path(let path):
      do throws(StreamError) {
        return try await ByteStream.connect(toPath: path, deadline: deadline)
      } catch {
        throw Self.trouble(error)
      }
    case .host(let host, let port):
      var trouble = MilterTrouble.connect("no address")
      for (address, port) in try await addresses(of: host, port, service.name) {
        do throws(StreamError) {
          return try await ByteStream.connect(to: address, port: port, deadline: deadline)
        } catch {
          trouble = Self.trouble(error)
          if case .cancelled = trouble { break }
        }
      }
      throw trouble
    }
  }

  private func newLine() -> Line {
    let room = Mailbox<Void>(capacity: underWayMax)
    for _ in 0..<underWayMax { _ = room.push(()) }
    return Line(room)
  }

  private static func trouble(_ error: StreamError) -> MilterTrouble {
    if case .cancelled = error { return .cancelled }
    return .connect(error.milterReason)
  }

  /// The addresses of a host; names are looked up on another thread.
  private func addresses(
    of host: String, _ port: String, _ service: String
  ) async throws(MilterTrouble) -> [(IPAddress, UInt16)] {
    if let address = IPAddress(host), let number = UInt16(port), number > 0 {
      return [(address, number)]
    }
    let found: [UInt8]?
    do throws(LookupError) {
      found = try await names.answer(to: { Self.lookUp(host, port) }, of: service)
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
