import Primitives

/// Keeps the first lines that a client sent apart from the trace field that stands before them.
package enum ContentStart {
  /// What is put before a line that begins a message in a mailbox file, of which some clients send
  /// one before the header: it is a field then.
  private static let mailboxField = Array("X-Mailbox-Line: ".utf8)
  /// Bytes within which one must be able to tell what the first lines are; those that begin later
  /// are left as they are.
  private static let sizeMax = 64 << 10

  /// Puts in what is missing at `start` of content in wire form: a field's name before each first
  /// line `From …`, and an empty line before one that begins with white space, which would else
  /// continue the field before it. Takes time in proportion to the content, however many of them
  /// there are.
  ///
  /// Returns how many bytes were put in; `nil`, and nothing is, when it takes more content to tell.
  /// `isWhole` says that no more comes.
  package static func mend(
    _ content: inout [UInt8], at start: Int, isWhole: Bool
  ) -> Int? {
    let mayWait = !isWhole && content.count - start < sizeMax
    var mailboxLines: [Int] = []
    var at = start
    while at - start < sizeMax, let end = endOfMailboxLine(content, at, mayWait) {
      guard end > at else { return nil }
      mailboxLines.append(at)
      at = end
    }
    guard at < content.count || !mayWait else { return nil }
    let begins = at < content.count ? content[at] : 0
    let isContinuation = begins == ASCII.space || begins == ASCII.tab
    let added = mailboxLines.count * mailboxField.count + (isContinuation ? 2 : 0)
    guard added > 0 else { return 0 }
    var mended: [UInt8] = []
    mended.reserveCapacity(content.count + added)
    var done = 0
    for line in mailboxLines {
      mended += content[done..<line]
      mended += mailboxField
      done = line
    }
    mended += content[done..<at]
    if isContinuation { mended += [ASCII.cr, ASCII.lf] }
    mended += content[at...]
    content = mended
    return added
  }

  /// Where the line `From …` ends that begins at `start`; `start` itself when one cannot tell, and
  /// `nil` when there is none.
  private static func endOfMailboxLine(
    _ content: [UInt8], _ start: Int, _ mayWait: Bool
  ) -> Int? {
    let marks = content[start...].prefix { $0 == UInt8(ascii: ">") }
    let word = content[marks.endIndex...].prefix(5)
    guard "From ".utf8.starts(with: word) else { return nil }
    guard word.count == 5 else { return mayWait ? start : nil }
    guard let lf = content[word.endIndex...].firstIndex(of: ASCII.lf) else {
      return mayWait ? start : content.count
    }
    return lf + 1
  }
}
