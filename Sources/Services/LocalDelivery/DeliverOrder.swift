import LinuxSystem
import MailTypes
import ServiceKit

/// What the process that delivers as a user is told, and what it answers.
struct DeliverOrder: Sendable {
  let account: Account
  let path: String
  let headerLength: Int64
  let bodyLength: Int64
  let sender: MailAddress
  let recipient: MailAddress
  let original: [UInt8]
  let content: SharedDescriptor

  /// The order as a packet; the content's descriptor comes along.
  func encoded(host: String, sizeMax: Int64) -> [UInt8] {
    var out = WireEncoder()
    out.put(account.name)
    out.put(account.uid)
    out.put(account.gid)
    out.put(account.home)
    out.put(path)
    out.put(headerLength)
    out.put(bodyLength)
    out.put(sender.bytes)
    out.put(recipient.bytes)
    out.put(original)
    out.put(host)
    out.put(sizeMax)
    return out.take()
  }

  /// Reads an order with the host's name and `mailbox_size_limit`.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, content: SharedDescriptor
  ) throws(WireError) -> (DeliverOrder, host: String, sizeMax: Int64) {
    var input = WireDecoder(bytes)
    let account = Account(
      name: try input.string(), uid: try input.integer(), gid: try input.integer(),
      home: try input.string(), shell: "")
    let order = DeliverOrder(
      account: account, path: try input.string(), headerLength: try input.integer(),
      bodyLength: try input.integer(), sender: MailAddress(try input.byteString()),
      recipient: MailAddress(try input.byteString()), original: try input.byteString(),
      content: content)
    return (order, try input.string(), try input.integer())
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
  }
}
