import Configuration
import LinuxSystem
import MailTypes
import Primitives
import Reactor
import SASL
import ServiceKit
import Streams
import SystemPackage

/// The process's connection with one authentication server of Dovecot, which all sessions share.
///
/// It is made when it is first needed and made anew when it ends; the exchanges under way are
/// told, so that clients are asked to come back. A server that cannot be reached is not tried
/// again before a pause is over.
@ReactorActor
final class AuthenticationServer {
  /// What is said to an exchange.
  enum Answer {
    case challenge([UInt8])
    case success(user: [UInt8])
    case failure(SASLFailure)
    /// The server cannot be reached, or is too slow.
    case unavailable(reason: String)
  }

  /// Before a server that could not be reached is tried again.
  private static let retryPause = Duration.seconds(1)
  /// Between two lines of the log that say that it cannot be reached.
  private static let warningPause = Duration.seconds(60)
  /// How long the server may take nothing of what is sent to it.
  private static let writeTimeout = Duration.seconds(30)
  /// The most bytes that wait to be sent to a server that does not read.
  private static let outputMax = 1 << 20

  /// How long a server reached over TCP may say nothing before the kernel asks it whether it lives.
  private static let idleTime = Duration.seconds(60)
  /// How long it may acknowledge nothing before the connection ends.
  private static let acknowledgeTimeout = Duration.seconds(30)

  private enum State { case closed, opening, ready }

  private let address: SASLServerAddress
  private let log: Log
  private var state = State.closed
  private var client = DovecotClient(processID: ThisProcess.pid)
  private var exchanges: [UInt32: Mailbox<Answer>] = [:]
  private var stream: ByteStream?
  /// Times that the server has said something.
  private var reads = 0
  private let progress = Gate()
  private let hasOutput = Gate()
  private var nextAttempt: MonotonicTime?
  private var nextWarning: MonotonicTime?
  private var isKnownToFail = false
  /// What the server offered last; `nil` before it was reached for the first time.
  private(set) var mechanisms: [SASLMechanism]?

  init(_ address: SASLServerAddress, log: Log) {
    self.address = address
    self.log = log
  }

  /// Makes the connection if there is none; whether there is one then.
  func open(timeout: Duration) async -> Bool {
    if state == .ready { return true }
    let deadline = Reactor.shared.now + timeout
    if state == .closed {
      if let nextAttempt, Reactor.shared.now < nextAttempt { return false }
      state = .opening
      reactorTask { await self.live(until: deadline) }
    }
    // Whoever comes later has no more time than the attempt that goes on.
    try? await progress.wait(deadline: deadline, while: { self.state == .opening })
    return state == .ready
  }

  /// An exchange that has begun, and the first answer to it.
  func begin(_ request: SASLRequest, timeout: Duration) async -> (exchange: UInt32?, Answer) {
    guard await open(timeout: timeout), state == .ready else {
      return (nil, .unavailable(reason: Self.connectionLost))
    }
    // It may offer others than it did when EHLO was answered, and ends the connection of who asks
    // for what it has not.
    let name = request.mechanism.uppercased()
    guard client.mechanisms.contains(where: { $0.name == name }) else {
      return (nil, .failure(SASLFailure(reason: Array(Self.invalidMechanism.utf8))))
    }
    guard client.output.count < Self.outputMax else {
      return (nil, .unavailable(reason: Self.connectionLost))
    }
    let id = client.begin(request)
    let answers = Mailbox<Answer>(capacity: 2)
    exchanges[id] = answers
    hasOutput.pulse()
    return await settled(id, answers, timeout)
  }

  /// Answers the last challenge of an exchange; the exchange is `nil` when it is over.
  func answer(
    _ id: UInt32, _ response: [UInt8], timeout: Duration
  ) async -> (exchange: UInt32?, Answer) {
    guard let answers = exchanges[id], client.output.count < Self.outputMax else {
      return (nil, .unavailable(reason: Self.connectionLost))
    }
    client.answer(id, response)
    hasOutput.pulse()
    return await settled(id, answers, timeout)
  }

  /// Ends an exchange that nobody waits for any more.
  func cancel(_ id: UInt32) {
    guard exchanges.removeValue(forKey: id) != nil else { return }
    client.cancel(id)
    hasOutput.pulse()
  }

  /// What is said while the server cannot be asked: for other words fail2ban would ban clients.
  static let connectionLost = "Connection lost to authentication server"
  static let invalidMechanism = "Invalid authentication mechanism"

  private func settled(
    _ id: UInt32, _ answers: Mailbox<Answer>, _ timeout: Duration
  ) async -> (exchange: UInt32?, Answer) {
    let answer: Answer
    let readsBefore = reads
    do throws(WaitError) {
      answer = try await answers.next(deadline: Reactor.shared.now + timeout)
    } catch {
      if error == .timedOut, reads == readsBefore, exchanges[id] != nil {
        hangUp()
      } else {
        cancel(id)
      }
      return (nil, .unavailable(reason: Self.connectionLost))
    }
    if case .challenge = answer { return (id, answer) }
    exchanges[id] = nil
    return (nil, answer)
  }

  /// The server has said nothing at all, to nobody, for the time of an exchange: it hangs, and
  /// would keep all others waiting too.
  private func hangUp() {
    warn("Dovecot auth socket '\(address)' does not answer: it is connected to anew")
    stream?.close()
  }

  /// Why a connection has ended.
  private enum Fault: Error {
    case stream(StreamError)
    case dialogue(DovecotError)

    var reason: String {
      switch self {
      case .stream(.timedOut): "it does not answer"
      case .stream(.system(let errno)): "\(errno)"
      case .stream: "it closed the connection"
      case .dialogue(.tooLong): "it sends too much"
      case .dialogue(.version): "it speaks another version of the protocol"
      case .dialogue(.malformed(let command)): "its \(command) cannot be understood"
      }
    }
  }

  /// The life of one connection.
  private func live(until deadline: MonotonicTime) async {
    client = DovecotClient(processID: ThisProcess.pid, after: client.lastID)
    do throws(Fault) {
      let stream = try await connect(deadline: deadline)
      self.stream = stream
      let sender = reactorTask { await self.send(over: stream) }
      defer {
        self.stream = nil
        stream.close()
        sender.cancel()
      }
      try await converse(stream, deadline: deadline)
    } catch {
      end(error.reason)
    }
  }

  private func connect(deadline: MonotonicTime) async throws(Fault) -> ByteStream {
    do throws(StreamError) {
      switch address {
      case .unix(let path): return try await ByteStream.connect(toPath: path, deadline: deadline)
      case .inet(let address, let port):
        let stream = try await ByteStream.connect(to: address, port: port, deadline: deadline)
        do throws(Errno) {
          try stream.watchPeer(idle: Self.idleTime, timeout: Self.acknowledgeTimeout)
        } catch {
          throw .system(error)
        }
        return stream
      }
    } catch {
      throw .stream(error)
    }
  }

  /// Reads until the connection ends, which is a fault. The greeting has a deadline; later the
  /// server may be silent for as long as nobody asks it anything.
  private func converse(
    _ stream: ByteStream, deadline: MonotonicTime
  ) async throws(Fault) {
    while true {
      let outcome: Result<Void, DovecotError>?
      do throws(StreamError) {
        outcome = try await stream.read(deadline: state == .ready ? nil : deadline) { bytes in
          Result { () throws(DovecotError) in try client.receive(bytes) }
        }
      } catch {
        throw .stream(error)
      }
      reads += 1
      deliver()
      switch outcome {
      case .success: continue
      case .failure(let error): throw .dialogue(error)
      case nil: throw .stream(.closed)
      }
    }
  }

  private func deliver() {
    while let event = client.nextEvent() {
      switch event {
      case .ready: becomeReady()
      case .challenge(let id, let text): push(.challenge(text), to: id)
      case .success(let id, let user): push(.success(user: user), to: id)
      case .failure(let id, let failure): push(.failure(failure), to: id)
      }
    }
  }

  private func push(_ answer: Answer, to id: UInt32) {
    guard let answers = exchanges[id], !answers.push(answer) else { return }
    // A server that challenges twice without a response is broken.
    cancel(id)
  }

  private func becomeReady() {
    state = .ready
    mechanisms = client.mechanisms
    if isKnownToFail {
      log.information("smtpd", "SASL: Dovecot auth socket '\(address)' answers again")
    }
    isKnownToFail = false
    progress.pulse()
  }

  /// Sends what exchanges have to say as long as the connection lives.
  private func send(over stream: ByteStream) async {
    while stream.isOpen {
      do {
        try await hasOutput.wait(while: { self.client.output.isEmpty && stream.isOpen })
        let output = client.output
        client.output = []
        try await stream.write(output, deadline: Reactor.shared.now + Self.writeTimeout)
      } catch {
        // The reader finds the end, and tells the exchanges.
        return stream.close()
      }
    }
  }

  private func end(_ reason: String) {
    let wasReady = state == .ready
    state = .closed
    progress.pulse()
    let left = exchanges
    exchanges = [:]
    for answers in left.values {
      _ = answers.push(.unavailable(reason: Self.connectionLost))
      answers.close()
    }
    // A server that is started anew ends its connections: the next exchange makes another.
    if wasReady { return }
    nextAttempt = Reactor.shared.now + Self.retryPause
    warn("Connect to Dovecot auth socket '\(address)' failed: \(reason)")
  }

  /// Only after a line that says that it fails one says that it answers again: Dovecot takes longer
  /// than an exchange may last where it slows down who guesses passwords.
  private func warn(_ text: String) {
    let now = Reactor.shared.now
    if let nextWarning, now < nextWarning { return }
    isKnownToFail = true
    nextWarning = now + Self.warningPause
    log.warning("smtpd", "SASL: \(text)")
  }
}

/// The authentication servers of a process, each reached over one connection.
@ReactorActor
final class AuthenticationServers {
  private var servers: [SASLServerAddress: AuthenticationServer] = [:]
  private let log: Log

  init(log: Log) { self.log = log }

  subscript(address: SASLServerAddress) -> AuthenticationServer {
    if let server = servers[address] { return server }
    let server = AuthenticationServer(address, log: log)
    servers[address] = server
    return server
  }
}
