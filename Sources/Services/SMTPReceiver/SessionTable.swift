import LinuxSystem
import MailTypes
import Primitives
import Reactor
import SMTPServerCore
import ServiceKit
import Streams
import SystemPackage

/// The sessions of the process.
@ReactorActor
final class SessionTable {
  private struct Entry {
    let session: SMTPSession
    var task: Task<Void, Never>
  }

  private let intake: Intake
  private var entries: [ObjectIdentifier: Entry] = [:]
  private let sessionEnd = Gate()
  /// Who follows sessions now.
  private var followers: [DialogFollower] = []

  init(intake: Intake) { self.intake = intake }

  /// Begins a session with a client that has connected.
  func begin(
    _ socket: consuming OwnedDescriptor, from peer: SocketAddress, rules: ListenerRules,
    room: SessionRoom
  ) {
    let client = Self.identity(peer)
    if let timeLeft = intake.refusedClients.timeLeft(of: client.address, now: Reactor.shared.now) {
      return refuse(socket, client, rules, timeLeft)
    }
    let stream: ByteStream
    do throws(Errno) {
      stream = try ByteStream(socket)
    } catch {
      intake.log.warning("smtpd", "cannot watch a connection from \(peer): \(error)")
      return
    }
    let session = SMTPSession(stream, client: client, rules: rules, intake: intake)
    for follower in followers where follower.filter.network.contains(client.address) {
      session.follow(follower, hasJoined: false)
    }
    room.enter()
    let task = reactorTask {
      await session.run()
      self.entries[ObjectIdentifier(session)] = nil
      room.leave()
      self.sessionEnd.pulse()
    }
    entries[ObjectIdentifier(session)] = Entry(session: session, task: task)
  }

  /// Shows sessions, those that go on and those to come, to somebody until nobody reads any more.
  func follow(_ follower: DialogFollower) {
    followers.append(follower)
    for entry in entries.values
    where follower.filter.network.contains(entry.session.client.address) {
      entry.session.follow(follower, hasJoined: true)
    }
    reactorTask {
      await follower.waitForEnd()
      self.followers.removeAll { $0 === follower }
      for entry in self.entries.values { entry.session.unfollow(follower) }
    }
  }

  /// Turns away a client at whose input a process died, without looking at anything it says.
  private func refuse(
    _ socket: borrowing OwnedDescriptor, _ client: SMTPClientIdentity, _ rules: ListenerRules,
    _ timeLeft: Duration
  ) {
    let reply = SMTPReply.refusedAfterCrash(myhostname: rules.settings.myhostname)
    var line: [UInt8] = []
    reply.append(to: &line)
    // One try: whoever does not take a line at once is not waited for.
    _ = line.withUnsafeBytes { Sockets.send(socket.raw, $0) }
    intake.log.line(tag: rules.tag, severity: .warning) {
      $0.append(text: "warning: refused ")
      $0.append(string: client.logName)
      $0.append(text: " for another ")
      $0.append(decimal: (timeLeft.wholeNanoseconds - 1) / 1_000_000_000 + 1)
      $0.append(text: " s: a process died at its input")
    }
  }

  /// Ends sessions that wait for a command now, the others when their command is done, and those
  /// that are still there at the deadline.
  func drain(deadline: MonotonicTime) async {
    intake.isDraining = true
    for entry in entries.values { entry.session.shutDownIfIdle(entry.task) }
    if await !waitForEnd(until: deadline) {
      for entry in entries.values { entry.task.cancel() }
      // What a cancelled session has still to say or to drop does not wait for its client.
      await waitForEnd(until: deadline + .seconds(1))
    }
  }

  /// Waits for the end of all sessions; false when the deadline comes first.
  @discardableResult
  func waitForEnd(until deadline: MonotonicTime) async -> Bool {
    do throws(WaitError) {
      try await sessionEnd.wait(deadline: deadline) { !entries.isEmpty }
      return true
    } catch {
      return false
    }
  }

  /// A client's name and address. A client on this host is `localhost`; others have no name.
  private static func identity(_ peer: SocketAddress) -> SMTPClientIdentity {
    let address = (peer.ipAddress ?? IPAddress(v4: 0x7f00_0001)).unmapped
    let isLoopback =
      address.family == .v4 ? address.v4Bits >> 24 == 127 : address.high == 0 && address.low == 1
    return SMTPClientIdentity(
      name: isLoopback ? "localhost" : "unknown", address: address, port: peer.port ?? 0)
  }
}
