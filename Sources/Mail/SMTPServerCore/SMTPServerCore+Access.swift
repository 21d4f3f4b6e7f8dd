package import MailTypes
import Primitives
import SMTPGrammar

/// What access policy may refuse before there is an envelope: the client, and its HELO name.
extension SMTPServerCore {
  /// Greets a client with a refusal, after which it may only say QUIT (RFC 5321 3.1).
  package mutating func deny(_ reply: SMTPReply, into out: inout [UInt8]) -> SMTPServerStep {
    isDenied = true
    return refuse(reply, into: &out)
  }

  mutating func refuseDenied(into out: inout [UInt8]) -> SMTPServerStep {
    refuse(
      SMTPReply(503, EnhancedStatus(5, 7, 0), "Error: access denied for \(client.logName)"),
      into: &out)
  }

  /// The name that HELO or EHLO gives, also while it is judged.
  package var givenHelo: String? { pendingHelo?.name ?? helo }

  mutating func decideHelo(
    _ verdict: SMTPVerdict, into out: inout [UInt8]
  ) -> SMTPServerStep {
    guard let hello = pendingHelo else { preconditionFailure("no HELO is in question") }
    pendingHelo = nil
    if case .refuse(let reply) = verdict { return refuse(reply, into: &out) }
    return accept(helo: hello.name, extended: hello.isExtended, into: &out)
  }
}
