import Primitives

/// `soft_bounce` in replies that are ready to be sent, as Postfix does it: the first digit of each
/// line, and that of an enhanced status behind the code.
enum SoftReplies {
  /// Turns 5xx into 4xx in the lines of `replies` from `start` on, where a line begins.
  static func soften(_ replies: inout [UInt8], from start: Int) {
    let permanent = UInt8(ascii: "5")
    let temporary = UInt8(ascii: "4")
    var at = start
    while at < replies.count {
      let end = replies[at...].firstIndex(of: ASCII.lf) ?? replies.count
      if replies[at] == permanent { replies[at] = temporary }
      if at + 4 < end, replies[at + 4] == permanent { replies[at + 4] = temporary }
      at = end + 1
    }
  }
}
