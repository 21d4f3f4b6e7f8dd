import Primitives

/// How often each command was given and how often it was accepted, for the line at the end of a
/// session.
package struct SessionCounters: Equatable, Sendable {
  /// The commands in the order in which they are printed.
  enum Command: Int, CaseIterable, Sendable {
    case helo, ehlo, xclient, xforward, starttls, auth, mail, rcpt, data, bdat, rset, noop, vrfy
    case etrn, quit, unknown

    /// As it is printed at the end of a session.
    var name: StaticString {
      switch self {
      case .helo: "helo"
      case .ehlo: "ehlo"
      case .starttls: "starttls"
      case .auth: "auth"
      case .mail: "mail"
      case .rcpt: "rcpt"
      case .data: "data"
      case .bdat: "bdat"
      case .rset: "rset"
      case .noop: "noop"
      case .vrfy: "vrfy"
      case .etrn: "etrn"
      case .quit: "quit"
      case .xclient: "xclient"
      case .xforward: "xforward"
      case .unknown: "unknown"
      }
    }
  }

  private var given = SIMD16<UInt32>(repeating: 0)
  private var accepted = SIMD16<UInt32>(repeating: 0)

  mutating func count(_ command: Command) { given[command.rawValue] &+= 1 }

  mutating func countAccepted(_ command: Command) { accepted[command.rawValue] &+= 1 }

  /// Appends ` ehlo=1 rcpt=0/1 … commands=4/5`: accepted and given where they differ.
  package func append(to text: inout [UInt8]) {
    for command in Command.allCases where given[command.rawValue] > 0 {
      text.append(ASCII.space)
      text.append(text: command.name)
      Self.append(accepted[command.rawValue], given[command.rawValue], to: &text)
    }
    text.append(text: " commands")
    Self.append(accepted.wrappedSum(), given.wrappedSum(), to: &text)
  }

  private static func append(_ accepted: UInt32, _ given: UInt32, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "="))
    text.append(decimal: accepted)
    // A session without a command is `commands=0/0`.
    guard accepted != given || given == 0 else { return }
    text.append(UInt8(ascii: "/"))
    text.append(decimal: given)
  }
}
