import LinuxSystem
import MailTypes
import Primitives

/// What the end of a command means for the message, in Postfix's words.
struct CommandVerdict {
  /// The bytes of output that are kept.
  static let outputMax = 1000

  let order: CommandOrder
  /// What the command wrote, at most `outputMax` bytes.
  let output: [UInt8]

  /// The codes of sysexits.h (3), from 64 on.
  private static let meanings: [(status: EnhancedStatus, text: String)] = [
    (EnhancedStatus(5, 3, 0), "command line usage error"),
    (EnhancedStatus(5, 6, 0), "data format error"),
    (EnhancedStatus(5, 3, 0), "cannot open input"),
    (EnhancedStatus(5, 1, 1), "user unknown"),
    (EnhancedStatus(5, 1, 2), "host name unknown"),
    (EnhancedStatus(5, 3, 0), "service unavailable"),
    (EnhancedStatus(5, 3, 0), "internal software error"),
    (EnhancedStatus(4, 3, 0), "system resource problem"),
    (EnhancedStatus(5, 3, 0), "critical OS file missing"),
    (EnhancedStatus(5, 2, 0), "can't create user output file"),
    (EnhancedStatus(5, 3, 0), "input/output error"),
    (EnhancedStatus(4, 3, 0), "temporary failure"),
    (EnhancedStatus(5, 5, 0), "remote error in protocol"),
    (EnhancedStatus(5, 7, 0), "permission denied"),
    (EnhancedStatus(5, 3, 5), "local configuration error"),
  ]

  func verdict(on end: ExitStatus) -> LocalVerdict {
    switch end {
    case .exited(0): return succeeded
    case .signalled(let signal):
      return failed(
        EnhancedStatus(4, 3, 0), "Command died with signal \(signal): \"\(order.title)\"")
    case .exited(let code):
      if let (status, text) = ownStatus { return LocalVerdict.failed(status, text) }
      let place = Int(code) - 64
      if Self.meanings.indices.contains(place) {
        return failed(Self.meanings[place].status, Self.meanings[place].text)
      }
      return failed(
        EnhancedStatus(5, 3, 0), "Command died with status \(code): \"\(order.title)\"")
    }
  }

  /// The command did not end in time and was killed.
  var timedOut: LocalVerdict {
    var verdict = LocalVerdict.failed(
      EnhancedStatus(5, 3, 0), "Command time limit exceeded: \"\(order.title)\"")
    verdict.endsSession = true
    return verdict
  }

  /// Nobody waits for the verdict any more; the command was killed.
  var abandoned: LocalVerdict {
    var verdict = LocalVerdict.processFailed("nobody waits for it")
    verdict.endsSession = true
    return verdict
  }

  /// The command could not be started; as with Postfix, whose child says so and leaves.
  func notStarted(_ program: String, _ reason: String) -> LocalVerdict {
    let name = order.program == "pipe" ? "pipe: fatal: pipe_command" : "local: fatal"
    return LocalVerdict.failed(
      EnhancedStatus(4, 3, 0),
      "temporary failure. Command output: \(name): execvp \(program): \(reason) ")
  }

  private var succeeded: LocalVerdict {
    var text = order.success
    let said = printable.trimmed
    if order.tellsOutput, !said.isEmpty { text += " (\(said))" }
    return LocalVerdict(outcome: .sent, status: EnhancedStatus(2, 0, 0), text: text)
  }

  private func failed(_ status: EnhancedStatus, _ text: String) -> LocalVerdict {
    LocalVerdict.failed(
      status, output.isEmpty ? text : "\(text). Command output: \(printable)")
  }

  /// What a command says in place of its exit status: `5.7.1 text`.
  private var ownStatus: (EnhancedStatus, String)? {
    guard let (status, length) = EnhancedStatus.parse(prefixOf: output),
      status.statusClass == 4 || status.statusClass == 5
    else { return nil }
    let text = printable.utf8.dropFirst(length).drop { $0 == UInt8(ascii: " ") }
    return (status, String(decoding: text, as: UTF8.self))
  }

  /// The output as one line of text.
  private var printable: String {
    String(
      decoding: output.map { byte in
        switch byte {
        case 0x09...0x0d: UInt8(ascii: " ")
        case ..<0x20, 0x7f: UInt8(ascii: "_")
        default: byte
        }
      }, as: UTF8.self)
  }
}

extension LocalVerdict {
  /// A failure, which its status tells to be for now or for ever.
  static func failed(_ status: EnhancedStatus, _ text: String) -> LocalVerdict {
    LocalVerdict(
      outcome: status.statusClass == 4 ? .deferred : .bounced, status: status, text: text)
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    while text.first == " " { text.removeFirst() }
    return String(text)
  }
}
