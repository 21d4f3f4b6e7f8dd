import Primitives
import SMTPGrammar
import ServiceKit

/// What the log may show of lines that a client sent before their time: AUTH and what may answer a
/// challenge hold passwords.
enum LoggedInput {
  private static let hidden: StaticString = "(left out)"

  /// Appends what may be shown of bytes, `limit` of them at most. `followsAuthentication` says
  /// that they may answer an AUTH.
  static func append(
    _ bytes: some Collection<UInt8>, limit: Int, followsAuthentication: Bool,
    to line: inout [UInt8]
  ) {
    if followsAuthentication { return line.append(text: hidden) }
    let all = Array(bytes)
    var start = 0
    while start < all.count {
      let end = all[start...].firstIndex(of: ASCII.lf) ?? all.count
      let isSecret = all[start..<end].withUnsafeBytes { SMTPCommand($0).verb == .auth }
      if isSecret {
        line.append(peerText: all[..<min(start, limit)])
        if start < limit { line.append(text: "AUTH ") }
        return line.append(text: hidden)
      }
      start = end + 1
    }
    line.append(peerText: all.prefix(limit))
  }
}
