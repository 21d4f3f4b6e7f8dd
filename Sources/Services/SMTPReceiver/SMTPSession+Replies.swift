import LinuxSystem
import Primitives
import Reactor
import SMTPGrammar
import SMTPServerCore
import ServiceKit
import Streams

/// The replies of a session on their way out.
extension SMTPSession {
  /// The replies collected so far, for the caller to send.
  func takeReplies() -> [UInt8] {
    if needsFinish { finishReplies() }
    shownBytes = 0
    recordedBytes = 0
    defer { out = [] }
    return out
  }

  /// Sends the last replies in one packet with the end of the connection, which follows.
  ///
  /// Not where the client sent more than was read: the kernel would drop what it has not sent.
  func sayGoodbye() async throws(SessionEnd) {
    if rules.footer != nil { await addFooters() }
    if !sendNow(more: lines.isEmpty && stream.isDrained) { try await flush() }
  }

  /// Sends the replies collected so far if the socket takes them at once.
  @inline(never)
  func sendNow(more: Bool = false) -> Bool {
    guard !out.isEmpty else { return true }
    if needsFinish { finishReplies() }
    let sent: Int
    do throws(StreamError) {
      sent = try stream.writeNow(out, more: more)
    } catch {
      // Sending the rest finds the same error, and reports it.
      return false
    }
    guard sent == out.count else {
      out.removeFirst(sent)
      shownBytes = max(shownBytes - sent, 0)
      recordedBytes = max(recordedBytes - sent, 0)
      return false
    }
    shownBytes = 0
    recordedBytes = 0
    intake.replies.give(out)
    out = []
    return true
  }

  /// Sends the replies collected so far.
  func flush() async throws(SessionEnd) {
    if rules.footer != nil { await addFooters() }
    guard !sendNow() else { return }
    do throws(StreamError) {
      try await stream.write(out, deadline: Reactor.shared.now + rules.timeout)
    } catch {
      throw SessionEnd(error)
    }
    shownBytes = 0
    recordedBytes = 0
    out = []
  }

  /// Whether replies are not sent as the core makes them.
  var needsFinish: Bool {
    trace != nil || history != nil || rules.softBounce || rules.footer != nil
  }

  /// Adds what refusals end with. The session has to send what it has before it makes replies
  /// again, so that none gets it twice.
  @inline(never)
  func addFooters() async {
    let start = shownBytes
    guard let footer = rules.footer, RejectFooter.mayConcern(out[start...]) else { return }
    recordReplies()
    var time: [UInt8] = []
    time.append(localTime: Clocks.wallNow().seconds)
    let attributes = RejectFooter.Attributes(
      client: "\(client.address)", port: "\(client.port)",
      time: String(decoding: time, as: UTF8.self), server: rules.settings.myhostname)
    let finished = await footer.added(to: out[start...], attributes) { log("warning: \($0)") }
    out.replaceSubrange(start..., with: finished)
    // Who began to follow meanwhile has not seen them.
    shownBytes = start
    recordedBytes = out.count
  }
}
