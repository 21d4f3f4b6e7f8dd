package import Primitives

/// What Dovecot's authentication server is told about who wants to log in.
package struct SASLRequest: Sendable {
  /// `smtpd_sasl_service`.
  package var service: String
  /// The mechanism.
  package var mechanism: String
  /// The address and port of the server's end of the session.
  package var local: (address: IPAddress, port: UInt16)?
  /// The address and port of the client.
  package var remote: (address: IPAddress, port: UInt16)
  /// Whether the session is encrypted.
  package var isSecure = false
  /// What the client sent along, in Base64; `nil` for nothing.
  package var initialResponse: [UInt8]?

  /// A request without an initial response.
  package init(
    service: String, mechanism: String, remote: (address: IPAddress, port: UInt16)
  ) {
    self.service = service
    self.mechanism = mechanism
    self.remote = remote
  }
}

/// Why an authentication was refused.
package struct SASLFailure: Equatable, Sendable {
  /// Who the client said it was, if that is known.
  package var user: [UInt8]?
  /// What the server gives as the reason.
  package var reason: [UInt8]?
  /// Whether it says nothing of the client: the server has a problem of its own.
  package var isTemporary = false

  /// A refusal.
  package init(user: [UInt8]? = nil, reason: [UInt8]? = nil, isTemporary: Bool = false) {
    self.user = user
    self.reason = reason
    self.isTemporary = isTemporary
  }
}

/// Why nothing more can be understood of what an authentication server sends.
package enum DovecotError: Error, Equatable {
  /// A line, or all lines of the greeting, are longer than the limit.
  case tooLong
  /// It speaks another version of the protocol.
  case version
  /// A line lacks a field that it must have.
  case malformed(command: String)
}

/// The client's side of a connection with Dovecot's authentication server (its protocol, version
/// 1): bytes in, events and output out. Any number of exchanges go on at a time.
package struct DovecotClient: Sendable {
  /// What the server has to say.
  package enum Event: Equatable, Sendable {
    /// The greeting is over: `mechanisms` are known and exchanges may begin.
    case ready
    /// The client of an exchange must answer this challenge, which is in Base64.
    case challenge(UInt32, [UInt8])
    /// The client is this user.
    case success(UInt32, user: [UInt8])
    /// It is not.
    case failure(UInt32, SASLFailure)
  }

  /// The most bytes of a line. Dovecot sends tickets and challenges of some kilobytes.
  package static let lineLengthMax = 32 << 10
  /// The most mechanisms that are taken from a greeting.
  package static let mechanismsMax = 64
  /// The most lines of a greeting.
  private static let greetingLinesMax = 1000

  /// What the server offers, in its order.
  package private(set) var mechanisms: [SASLMechanism] = []
  /// Bytes to be sent; the driver takes them away.
  package var output: [UInt8] = []
  private var input: [UInt8] = []
  private var events: [Event] = []
  private var greetingLines = 0
  private var knowsVersion = false
  private var isReady = false
  private var open: Set<UInt32> = []
  /// The number of the exchange that was begun last.
  package private(set) var lastID: UInt32

  /// A new connection of the process `processID`, which has no other with this server. Numbers of
  /// exchanges go on behind `lastID`: one of a connection before is never taken for another's.
  package init(processID: Int32, after lastID: UInt32 = 0) {
    self.lastID = lastID
    output.append(text: "VERSION\t1\t1\nCPID\t")
    output.append(decimal: Int(processID))
    output.append(ASCII.lf)
  }

  /// The exchanges under way.
  package var exchangeCount: Int { open.count }

  /// Takes what the server sent; after an error the connection is of no use.
  package mutating func receive(_ bytes: UnsafeRawBufferPointer) throws(DovecotError) {
    var rest = bytes[...]
    while let end = rest.firstIndex(of: ASCII.lf) {
      guard input.count + (end - rest.startIndex) <= Self.lineLengthMax else { throw .tooLong }
      input.append(contentsOf: rest[..<end])
      rest = rest[(end + 1)...]
      let line = DovecotLine(input)
      input.removeAll(keepingCapacity: true)
      try take(line)
    }
    guard input.count + rest.count <= Self.lineLengthMax else { throw .tooLong }
    input.append(contentsOf: rest)
  }

  /// The next thing that the server said.
  package mutating func nextEvent() -> Event? {
    events.isEmpty ? nil : events.removeFirst()
  }

  /// Begins an exchange and gives its number. The mechanism must be one of `mechanisms`.
  package mutating func begin(_ request: SASLRequest) -> UInt32 {
    repeat { lastID &+= 1 } while lastID == 0 || open.contains(lastID)
    open.insert(lastID)
    output.append(text: "AUTH\t")
    output.append(decimal: lastID)
    output.append(ASCII.tab)
    DovecotLine.append(request.mechanism.utf8, to: &output)
    output.append(text: "\tservice=")
    DovecotLine.append(request.service.utf8, to: &output)
    output.append(text: "\tnologin")
    if let local = request.local { append(local, "lip", "lport") }
    append(request.remote, "rip", "rport")
    if request.isSecure { output.append(text: "\tsecured") }
    // The last field: what stands behind it would belong to it.
    if let response = request.initialResponse {
      output.append(text: "\tresp=")
      DovecotLine.append(response, to: &output)
    }
    output.append(ASCII.lf)
    return lastID
  }

  /// Answers a challenge with what the client sent, in Base64.
  package mutating func answer(_ id: UInt32, _ response: [UInt8]) {
    output.append(text: "CONT\t")
    output.append(decimal: id)
    output.append(ASCII.tab)
    DovecotLine.append(response, to: &output)
    output.append(ASCII.lf)
  }

  /// Ends an exchange that nobody waits for any more.
  package mutating func cancel(_ id: UInt32) {
    guard open.remove(id) != nil else { return }
    output.append(text: "CANCEL\t")
    output.append(decimal: id)
    output.append(ASCII.lf)
  }

  private mutating func append(
    _ end: (address: IPAddress, port: UInt16), _ address: StaticString, _ port: StaticString
  ) {
    output.append(ASCII.tab)
    output.append(text: address)
    output.append(UInt8(ascii: "="))
    end.address.append(to: &output)
    output.append(ASCII.tab)
    output.append(text: port)
    output.append(UInt8(ascii: "="))
    output.append(decimal: end.port)
  }

  private mutating func take(_ line: DovecotLine) throws(DovecotError) {
    if isReady { try takeAnswer(line) } else { try takeGreeting(line) }
  }

  private mutating func takeGreeting(_ line: DovecotLine) throws(DovecotError) {
    greetingLines += 1
    guard greetingLines <= Self.greetingLinesMax else { throw .tooLong }
    switch line.command {
    case "VERSION":
      guard line.number(1) == 1 else { throw .version }
      knowsVersion = true
    case "MECH": try takeMechanism(line)
    case "DONE":
      guard knowsVersion else { throw .version }
      isReady = true
      events.append(.ready)
    // SPID, CUID, COOKIE and what later versions say: none of it matters to who only asks.
    default: break
    }
  }

  private mutating func takeMechanism(_ line: DovecotLine) throws(DovecotError) {
    guard line.fields.count > 1, SASLMechanism.isName(line.fields[1]) else {
      throw .malformed(command: "MECH")
    }
    var traits: SASLMechanism.Traits = []
    if line.holds("plaintext") { traits.insert(.plaintext) }
    if line.holds("active") { traits.insert(.active) }
    if line.holds("dictionary") { traits.insert(.dictionary) }
    if line.holds("anonymous") { traits.insert(.anonymous) }
    if line.holds("forward-secrecy") { traits.insert(.forwardSecrecy) }
    if line.holds("mutual-auth") { traits.insert(.mutualAuthentication) }
    if line.holds("private") { traits.insert(.hidden) }
    guard mechanisms.count < Self.mechanismsMax else { throw .tooLong }
    let name = String(decoding: line.fields[1], as: UTF8.self).uppercased()
    if !mechanisms.contains(where: { $0.name == name }) {
      mechanisms.append(SASLMechanism(name, traits))
    }
  }

  private mutating func takeAnswer(_ line: DovecotLine) throws(DovecotError) {
    let command = line.command
    guard ["OK", "CONT", "FAIL"].contains(command) else { return }
    guard let id = line.number(1) else { throw .malformed(command: command) }
    // Nobody waits for the answer to an exchange that was cancelled.
    guard open.contains(id) else { return }
    switch command {
    case "CONT":
      let challenge = line.fields.count > 2 ? line.fields[2] : []
      guard challenge.allSatisfy({ $0 > ASCII.space && $0 < 0x7f }) else {
        throw .malformed(command: command)
      }
      events.append(.challenge(id, challenge))
    case "OK":
      guard let user = line.value("user"), !user.isEmpty else {
        throw .malformed(command: command)
      }
      open.remove(id)
      events.append(.success(id, user: user))
    default:
      open.remove(id)
      let isTemporary = line.holds("temp") || line.value("code") == Array("temp_fail".utf8)
      events.append(
        .failure(
          id,
          SASLFailure(
            user: line.value("user"), reason: line.value("reason"), isTemporary: isTemporary)))
    }
  }
}
