package import MailTypes
import Primitives

/// The lines that a session leaves in the log, in Postfix's shapes, without their tag.
extension SMTPServerCore {
  /// `connect from name[address]`.
  package var connectLine: String { "connect from \(client.logName)" }

  /// `disconnect from name[address] ehlo=1 … commands=4/5`.
  package var disconnectLine: String {
    var text = Array("disconnect from \(client.logName)".utf8)
    counters.append(to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// `too many errors after RCPT from name[address]`.
  package var tooManyErrorsLine: String {
    "too many errors after \(lastCommand) from \(client.logName)"
  }

  /// Leaves a warning about what the client sent, of which at most 100 bytes are shown.
  mutating func warn(_ text: String, _ sent: some Collection<UInt8>) {
    let shown = String(decoding: sent.prefix(100), as: UTF8.self)
    notice = Self.printable("warning: \(text): \(shown)")
  }

  /// `lost connection after MAIL from name[address]`; with the bytes of content when it was
  /// within DATA or behind BDAT.
  package func lostConnectionLine(contentSize: Int? = nil) -> String {
    "lost connection after \(lastCommand)\(sizeText(contentSize)) from \(client.logName)"
  }

  /// `timeout after MAIL from name[address]`.
  package func timeoutLine(contentSize: Int? = nil) -> String {
    "timeout after \(lastCommand)\(sizeText(contentSize)) from \(client.logName)"
  }

  private func sizeText(_ size: Int?) -> String {
    guard let size, current == .data || current == .bdat else { return "" }
    return " (\(size) bytes)"
  }

  /// `NOQUEUE: reject: RCPT from name[address]: 554 5.7.1 …; from=<s> to=<r> proto=ESMTP helo=<h>`.
  ///
  /// `stage` is a command or `END-OF-MESSAGE`; `queueID` is printed once the message has one.
  package func rejectLine(
    stage: StaticString, _ reply: SMTPReply, sender: MailAddress?, recipient: MailAddress?,
    queueID: QueueID? = nil
  ) -> String {
    actionLine(
      "reject", stage: stage, reply.logText, sender: sender, recipient: recipient,
      queueID: queueID)
  }

  /// As `rejectLine`, for any action: `NOQUEUE: warn: RCPT from name[address]: text; from=<s> …`.
  package func actionLine(
    _ action: String, stage: StaticString, _ text: String, sender: MailAddress?,
    recipient: MailAddress?, queueID: QueueID? = nil
  ) -> String {
    var line = queueID.map { "\($0)" } ?? "NOQUEUE"
    line += ": \(action): \(stage) from \(client.logName): \(text);"
    if let sender { line += " from=<\(sender)>" }
    if let recipient { line += " to=<\(recipient)>" }
    line += " proto=\(protocolName)"
    if let helo = givenHelo { line += " helo=<\(helo)>" }
    return Self.printable(line)
  }

  /// Text for one log line: control characters become `?`.
  package static func printable(_ text: String) -> String {
    // Behind C2 stand the control characters above ASCII.
    guard text.utf8.contains(where: { $0 < ASCII.space || $0 == 0x7f || $0 == 0xC2 })
    else { return text }
    var bytes = Array(text.utf8)
    bytes.makePrintable(from: 0)
    return String(decoding: bytes, as: UTF8.self)
  }
}
