import Primitives

/// What an attempt said, parted as RFC 3464 2.3 wants it: which host answered, and its words.
///
/// The log's text is taken apart again, since that is what the journal keeps: `smtp` writes
/// `host NAME[ADDRESS] said: REPLY (in reply to COMMAND)` for a refusal and only the reply for a
/// success, and `relay=` says whose reply it is.
struct Diagnostic {
  /// The host that answered; `nil` when this host judged.
  let remoteHost: ArraySlice<UInt8>?
  /// The words.
  let text: ArraySlice<UInt8>

  init(reason: [UInt8], relay: [UInt8], isSuccess: Bool) {
    guard let open = relay.firstIndex(of: UInt8(ascii: "[")), open > 0,
      let close = relay.lastIndex(of: UInt8(ascii: "]")), close > open,
      let reply = isSuccess ? reason[...] : Self.reply(in: reason, of: relay[...close])
    else {
      remoteHost = nil
      text = reason[...]
      return
    }
    remoteHost = relay[..<open]
    text = reply
  }

  private static func reply(
    in reason: [UInt8], of label: ArraySlice<UInt8>
  ) -> ArraySlice<UInt8>? {
    var rest = reason[...]
    _ = skip(Array("Protocol error: ".utf8), of: &rest)
    guard skip(Array("host ".utf8), of: &rest), skip(label, of: &rest) else { return nil }
    if skip(Array(" refused to talk to me: ".utf8), of: &rest) { return rest }
    guard skip(Array(" said: ".utf8), of: &rest) else { return nil }
    let mark = Array(" (in reply to ".utf8)
    guard rest.last == UInt8(ascii: ")"), rest.count > mark.count else { return rest }
    var at = rest.endIndex - mark.count
    while at > rest.startIndex, !rest[at...].starts(with: mark) { at -= 1 }
    return rest[at...].starts(with: mark) ? rest[..<at] : rest
  }

  private static func skip(_ prefix: some Collection<UInt8>, of text: inout ArraySlice<UInt8>)
    -> Bool
  {
    guard text.starts(with: prefix) else { return false }
    text = text.dropFirst(prefix.count)
    return true
  }
}
