import MailSite
import MailTypes
import MilterCore
import Primitives
import QueueStore
import Reactor
import SMTPGrammar
import ServiceKit

/// The milters of a session, asked one after the other: the first that does not let something pass
/// has the last word about it.
@ReactorActor
final class MilterChain {
  /// Bytes of a body that are in hand at once.
  private static let pieceSize = 60 << 10

  /// Fields that are shown before others get their turn.
  private static let fieldsPerTurn = 64

  private let connections: [MilterConnection]
  let site: SiteMilters

  init(
    _ services: [MilterService], _ site: SiteMilters, dialing: MilterDialing,
    log: @escaping @ReactorActor (String) -> Void
  ) {
    self.site = site
    connections = services.map {
      MilterConnection($0, macros: site.macros, dialing: dialing, log: log)
    }
  }

  /// Whether some milter wants a macro at a stage.
  func wants(_ names: Set<String>, at stage: MilterStage) -> Bool {
    connections.contains { connection in
      connection.session.macroNames(at: stage).contains {
        names.contains(SiteMilters.bareName($0))
      }
    }
  }

  /// Tells all of an event.
  ///
  /// A milter that cannot be asked and whose mail is to be held does not keep others from refusing.
  func tell(
    _ event: MilterEvent, _ macros: MilterMacros
  ) async throws(SessionEnd) -> MilterVerdict {
    var all = MilterVerdict.proceed
    for connection in connections {
      let verdict = try await connection.tell(event, macros)
      if verdict != .proceed { all = verdict }
      if verdict != .proceed, verdict != .hold { break }
    }
    return all
  }

  /// The refusal that stands for the rest of the session.
  var standingRefusal: MilterVerdict? {
    for connection in connections {
      if case .refuse(let reply) = connection.session.sessionVerdict {
        return .refuse(reply)
      }
    }
    return nil
  }

  /// Shows a message to all; each sees what those before it have changed.
  func examine(
    _ message: MessageEdits, _ macros: MilterMacros
  ) async throws(SessionEnd) -> MilterVerdict {
    var all = MilterVerdict.proceed
    for connection in connections {
      message.begin()
      connection.beginContent()
      let verdict: MilterVerdict
      do throws(SessionEnd) {
        verdict = try await show(message, to: connection, macros)
      } catch {
        await message.rollBack()
        throw error
      }
      if verdict != .proceed { all = verdict }
      if verdict != .proceed, verdict != .hold { break }
    }
    return all
  }

  private func show(
    _ message: MessageEdits, to connection: MilterConnection, _ macros: MilterMacros
  ) async throws(SessionEnd) -> MilterVerdict {
    for (number, field) in message.header.visible.enumerated() {
      if number % Self.fieldsPerTurn == Self.fieldsPerTurn - 1 {
        await Reactor.shared.yieldTurn()
      }
      let verdict = try await connection.tell(
        .header(name: field.name, value: field.value), macros)
      if verdict != .proceed { return verdict }
    }
    var verdict = try await connection.tell(.endOfHeader, macros)
    if verdict != .proceed { return verdict }
    verdict = try await showBody(message, to: connection, macros)
    if verdict != .proceed { return verdict }
    verdict = try await connection.tell(.endOfMessage, macros, message)
    // Of a milter that failed in the middle of its answer nothing is done, whatever its default.
    guard verdict == .proceed, connection.session.isListening else {
      await message.rollBack()
      return verdict
    }
    do throws(SpoolError) {
      try await message.commit()
    } catch {
      await message.rollBack()
      return .refuse(SMTPReply(refusing: error))
    }
    return .proceed
  }

  private func showBody(
    _ message: MessageEdits, to connection: MilterConnection, _ macros: MilterMacros
  ) async throws(SessionEnd) -> MilterVerdict {
    var wire = WireBody()
    var offset = 0
    while connection.session.isAsking, connection.session.wants(.body) {
      // The milter may be as quick as this host: nothing else would let others have their turn.
      if offset > 0 { await Reactor.shared.yieldTurn() }
      let piece: [UInt8]
      do throws(SpoolError) {
        piece = try await message.content.bodyPiece(at: offset, limit: Self.pieceSize)
      } catch {
        return .refuse(SMTPReply(refusing: error))
      }
      if piece.isEmpty { break }
      offset += piece.count
      let plain = piece.withUnsafeBytes { wire.plain($0) }
      if plain.isEmpty { continue }
      let verdict = try await connection.tell(.body(plain[...]), macros)
      if verdict != .proceed { return verdict }
    }
    return .proceed
  }

  /// Tells all that the message under way is no more.
  func abort() {
    for connection in connections { connection.abort() }
  }

  /// Ends all connections.
  func close() {
    for connection in connections { connection.close() }
  }
}
