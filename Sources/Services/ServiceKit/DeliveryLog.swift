package import MailTypes
package import Primitives
import Reactor

/// The four parts of `delays=`: before `qmgr`, in `qmgr`, connection set-up, transmission.
package struct DeliveryDelays: Equatable, Sendable {
  /// From arrival to the active window, in microseconds.
  package var beforeQueue: Int64
  /// From the active window to the delivery agent, in microseconds.
  package var inQueue: Int64
  /// Connection set-up with its handshake, in microseconds; 0 for an open connection.
  package var connection: Int64
  /// The rest, in microseconds.
  package var transmission: Int64

  /// The delays of a delivery that ends at `now`, whose handshake was over at `connected`.
  package init(_ request: DeliveryRequest, connected: WallTime?, now: WallTime) {
    let connected = max(connected ?? request.dispatched, request.dispatched)
    beforeQueue = max(0, request.activated.microseconds - request.arrival.microseconds)
    inQueue = max(0, request.dispatched.microseconds - request.activated.microseconds)
    connection = max(0, connected.microseconds - request.dispatched.microseconds)
    transmission = max(0, now.microseconds - connected.microseconds)
  }

  /// The whole time, in microseconds.
  package var total: Int64 { beforeQueue + inQueue + connection + transmission }
}

extension [UInt8] {
  /// Appends a time as Postfix logs delays: two significant digits, at most two behind the point.
  package mutating func append(delay microseconds: Int64) {
    let decimals = microseconds >= 9_950_000 ? 0 : microseconds >= 995_000 ? 1 : 2
    let unit: Int64 = decimals == 0 ? 1_000_000 : decimals == 1 ? 100_000 : 10_000
    let units = (microseconds + unit / 2) / unit
    let scale: Int64 = decimals == 0 ? 1 : decimals == 1 ? 10 : 100
    append(decimal: units / scale)
    var fraction = units % scale
    guard fraction != 0 else { return }
    append(UInt8(ascii: "."))
    if decimals == 2, fraction < 10 { append(UInt8(ascii: "0")) }
    if fraction % 10 == 0, decimals == 2 { fraction /= 10 }
    append(decimal: fraction)
  }
}

extension Log {
  /// Logs one recipient's fate in the shape that log parsers key on:
  /// `QID: to=<r>, relay=…, delay=…, delays=a/b/c/d, dsn=…, status=… (text)`.
  ///
  /// - Parameters:
  ///   - tag: the daemon's name, such as `smtp`.
  ///   - connectionUse: how often the connection has been used; shown from the second time on.
  package func delivery(
    tag: [UInt8], queueID: QueueID, recipient: DeliveryRecipient, verdict: RecipientVerdict,
    delays: DeliveryDelays, connectionUse: Int = 1
  ) {
    line(tag: tag) { out in
      queueID.append(to: &out)
      out.append(text: ": to=<")
      out.append(peerText: recipient.address.bytes)
      if !recipient.original.isEmpty, recipient.original != recipient.address.bytes {
        out.append(text: ">, orig_to=<")
        out.append(peerText: recipient.original)
      }
      out.append(text: ">, relay=")
      out.append(peerText: verdict.relay)
      if connectionUse > 1 {
        out.append(text: ", conn_use=")
        out.append(decimal: connectionUse)
      }
      out.append(text: ", delay=")
      out.append(delay: delays.total)
      out.append(text: ", delays=")
      out.append(delay: delays.beforeQueue)
      out.append(text: "/")
      out.append(delay: delays.inQueue)
      out.append(text: "/")
      out.append(delay: delays.connection)
      out.append(text: "/")
      out.append(delay: delays.transmission)
      out.append(text: ", dsn=")
      (softBounce ? verdict.softened : verdict).status.append(to: &out)
      switch verdict.outcome {
      case .sent: out.append(text: ", status=sent (")
      case .deferred: out.append(text: ", status=deferred (")
      case .bounced where softBounce: out.append(text: ", status=SOFTBOUNCE (")
      case .bounced: out.append(text: ", status=bounced (")
      }
      out.append(peerText: verdict.text)
      out.append(text: ")")
    }
  }
}

extension RecipientVerdict {
  /// The verdict under `soft_bounce`: what would be returned is tried again.
  package var softened: RecipientVerdict {
    guard outcome == .bounced else { return self }
    return RecipientVerdict(
      index: index, outcome: .deferred, status: status.softened, text: text, relay: relay)
  }
}
