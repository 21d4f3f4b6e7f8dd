import MailTypes
import Primitives
import SMTPGrammar
import SMTPServerCore
import ServiceKit

/// The lines of a session, in Postfix's shapes.
///
/// Never inlined: what they need of the stack would be kept by every session that waits.
extension SMTPSession {
  @inline(never)
  func log(_ text: String) {
    intake.log.line(tag: rules.tag) { $0.append(string: text) }
  }

  @inline(never)
  func logConnect() {
    intake.log.line(tag: rules.tag) {
      $0.append(text: "connect from ")
      $0.append(contentsOf: clientText)
    }
  }

  @inline(never)
  func logDisconnect() {
    intake.log.line(tag: rules.tag) {
      $0.append(text: "disconnect from ")
      $0.append(contentsOf: clientText)
      core.counters.append(to: &$0)
    }
  }

  @inline(never)
  func logTooManyErrors() {
    if core.endedByErrors { log(core.tooManyErrorsLine) }
  }

  /// Writes what the core has to say about the last command.
  @inline(never)
  func logNotices() {
    if let notice = core.notice {
      core.notice = nil
      log(notice)
    }
    guard core.isOutOfStep else { return }
    core.isOutOfStep = false
    intake.log.line(tag: rules.tag) { line in
      line.append(
        string: "improper command pipelining after \(core.lastCommand) from \(client.logName): ")
      lines.takeBytes {
        LoggedInput.append(
          $0, limit: 100, followsAuthentication: core.mayHearSecrets, isEscaped: true, to: &line)
        return 0
      }
    }
  }

  @inline(never)
  func logEarlyTalk(_ text: [UInt8]) {
    intake.log.line(tag: rules.tag) {
      $0.append(text: "improper command pipelining after CONNECT from ")
      $0.append(contentsOf: clientText)
      $0.append(text: ": ")
      LoggedInput.append(
        text, limit: text.count, followsAuthentication: false, isEscaped: true, to: &$0)
    }
  }

  @inline(never)
  func logClient(_ id: QueueID) {
    intake.log.line(tag: rules.tag) {
      id.append(to: &$0)
      $0.append(text: ": client=")
      $0.append(contentsOf: clientText)
      appendLogin(to: &$0)
    }
  }

  @inline(never)
  func logMessageID(_ id: QueueID, _ value: ArraySlice<UInt8>) {
    intake.log.line("cleanup") {
      id.append(to: &$0)
      $0.append(text: ": message-id=")
      if value.isEmpty {
        $0.append(text: "<>")
      } else {
        $0.append(peerText: value)
      }
    }
  }

  @inline(never)
  func logReject(_ stage: StaticString, _ reply: SMTPReply, recipient: MailAddress? = nil) {
    noteTrouble(reply)
    log(
      core.rejectLine(
        stage: stage, rules.softBounce ? reply.softened : reply,
        sender: core.transaction?.sender, recipient: recipient,
        queueID: queueID))
  }
}
