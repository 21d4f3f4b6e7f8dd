import LinuxSystem
import MailTypes
import ServiceKit

/// What the process that delivers as a user is told.
struct DeliverOrder: Sendable {
  /// Where the message goes.
  enum Destination: Sendable, Equatable {
    /// Into the Maildir at a path.
    case maildir(String)
    /// To the end of the file at a path.
    case mailbox(String, MailboxLock, isOwnedByUser: Bool)
    /// To a command.
    case command(CommandOrder)
    /// To the end of the file or device that an alias names; with `/` at its end into a Maildir.
    case file(String, MailboxLock)
  }

  /// Whose rights are used.
  let account: Account
  /// A group beside the account's own, for the folder of mailboxes.
  var extraGroup: UInt32?
  let destination: Destination
  let headerLength: Int64
  let bodyLength: Int64
  let sender: MailAddress
  let recipient: MailAddress
  let original: [UInt8]
  var style = CopyStyle.maildir
  var lineEnd: [UInt8] = [10]
  /// Whether the administrator chose mailbox and account (`virtual`).
  var isVirtual = false

  /// The order as a packet; the descriptor of a copy of the message comes along.
  func encoded(host: String, sizeMax: Int64) -> [UInt8] {
    var out = WireEncoder()
    out.put(account.name)
    out.put(account.uid)
    out.put(account.gid)
    out.put(account.home)
    out.put(extraGroup != nil)
    out.put(extraGroup ?? 0)
    destination.encode(into: &out)
    out.put(headerLength)
    out.put(bodyLength)
    out.put(sender.bytes)
    out.put(recipient.bytes)
    out.put(original)
    out.put(style.rawValue)
    out.put(lineEnd)
    out.put(isVirtual)
    out.put(host)
    out.put(sizeMax)
    return out.take()
  }

  /// Reads an order with the host's name and the limit of the mailbox.
  static func decode(
    _ bytes: UnsafeRawBufferPointer
  ) throws(WireError) -> (DeliverOrder, host: String, sizeMax: Int64) {
    var input = WireDecoder(bytes)
    let account = Account(
      name: try input.string(), uid: try input.integer(), gid: try input.integer(),
      home: try input.string(), shell: "")
    let hasGroup = try input.bool()
    let group: UInt32 = try input.integer()
    let order = DeliverOrder(
      account: account, extraGroup: hasGroup ? group : nil,
      destination: try Destination(from: &input), headerLength: try input.integer(),
      bodyLength: try input.integer(), sender: MailAddress(try input.byteString()),
      recipient: MailAddress(try input.byteString()), original: try input.byteString(),
      style: CopyStyle(rawValue: try input.integer()), lineEnd: try input.byteString(),
      isVirtual: try input.bool())
    return (order, try input.string(), try input.integer())
  }
}

extension DeliverOrder.Destination {
  fileprivate func encode(into out: inout WireEncoder) {
    switch self {
    case .maildir(let path):
      out.put(UInt8(0))
      out.put(path)
    case .mailbox(let path, let lock, let isOwnedByUser):
      out.put(UInt8(1))
      out.put(path)
      lock.encode(into: &out)
      out.put(isOwnedByUser)
    case .command(let command):
      out.put(UInt8(2))
      command.encode(into: &out)
    case .file(let path, let lock):
      out.put(UInt8(3))
      out.put(path)
      lock.encode(into: &out)
    }
  }

  fileprivate init(from input: inout WireDecoder) throws(WireError) {
    switch try input.integer(UInt8.self) {
    case 0: self = .maildir(try input.string())
    case 1:
      self = .mailbox(
        try input.string(), try MailboxLock(from: &input), isOwnedByUser: try input.bool())
    case 2: self = .command(try CommandOrder(from: &input))
    case 3: self = .file(try input.string(), try MailboxLock(from: &input))
    default: throw .invalid
    }
  }
}

extension MailboxLock {
  fileprivate func encode(into out: inout WireEncoder) {
    out.put(ways.rawValue)
    out.put(Int64(attempts))
    out.put(pause)
    out.put(staleAge)
  }

  fileprivate init(from input: inout WireDecoder) throws(WireError) {
    self.init(Ways(rawValue: try input.integer()))
    attempts = Int(clamping: try input.integer(Int64.self))
    pause = try input.integer()
    staleAge = try input.integer()
  }
}

extension LocalVerdict {
  var encoded: [UInt8] {
    var out = WireEncoder()
    out.put(outcome == .sent ? UInt8(0) : outcome == .deferred ? 1 : 2)
    out.put(status.statusClass)
    out.put(status.subject)
    out.put(status.detail)
    out.put(text)
    out.put(endsSession)
    return out.take()
  }

  init(decoding bytes: UnsafeRawBufferPointer) throws(WireError) {
    var input = WireDecoder(bytes)
    let outcome: Outcome
    switch try input.integer(UInt8.self) {
    case 0: outcome = .sent
    case 1: outcome = .deferred
    case 2: outcome = .bounced
    default: throw .invalid
    }
    let status = EnhancedStatus(try input.integer(), try input.integer(), try input.integer())
    self.init(outcome: outcome, status: status, text: try input.string())
    endsSession = try input.bool()
  }
}
