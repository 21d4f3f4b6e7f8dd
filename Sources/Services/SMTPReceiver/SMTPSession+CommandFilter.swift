import LookupTables
import MailTypes
import Primitives
import SMTPGrammar
import SMTPServerCore
import ServiceKit

/// `smtpd_command_filter`: commands that are taken as if they were others.
extension SMTPSession {
  /// Takes the line at hand, as the table has it; a response to AUTH is no command. Ends the
  /// session where the table does not answer.
  func takeFilteredLine() async -> SMTPServerStep {
    guard let filter = rules.commandFilter, !core.expectsResponse,
      let command = lines.peekLine({ Array($0.drop(while: SMTPCommand.isSpace)) })
    else { return takeLineAtHand(nil) }
    do throws(LookupError) {
      guard let found = try await filter.find(command) else { return takeLineAtHand(nil) }
      logReplacement(of: command, by: found.value)
      return takeLineAtHand(found.value)
    } catch {
      log("warning: \(error)")
      let reply = SMTPReply.localDataError(myhostname: rules.settings.myhostname)
      noteTrouble(reply)
      let id = queueID.map { "\($0)" } ?? "NOQUEUE"
      log(
        "\(id): reject: \(core.lastCommand) from \(String(decoding: clientText, as: UTF8.self)): "
          + reply.logText)
      return core.end(with: reply, into: &out)
    }
  }

  private func takeLineAtHand(_ replacement: [UInt8]?) -> SMTPServerStep {
    guard let step = takeLine(replacement) else { preconditionFailure("no line is at hand") }
    return step
  }

  @inline(never)
  private func logReplacement(of command: [UInt8], by other: [UInt8]) {
    intake.log.line(tag: rules.tag) { line in
      line.append(contentsOf: clientText)
      line.append(text: ": replacing command \"")
      LoggedInput.append(command, limit: 100, followsAuthentication: false, to: &line)
      line.append(text: "\" with \"")
      LoggedInput.append(other, limit: 100, followsAuthentication: false, to: &line)
      line.append(text: "\"")
    }
  }
}
