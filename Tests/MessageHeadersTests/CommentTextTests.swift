import MessageHeaders
import Testing

@Suite struct CommentTextTests {
  @Test(arguments: [
    ("client.test", "client.test"), ("", ""), ("a (b (c)) d", "a (b (c)) d"), ("a) b", "a? b"),
    ("a ((b)", "a ((b))"), ("back\\slash", "back?slash"), ("t\u{e4}b\t\r\n\u{7f}", "t??b????"),
    (")(", "?()"),
  ])
  func aCommentHoldsNothingThatEndsIt(text: String, harmless: String) {
    #expect(String(decoding: CommentText.harmless(text), as: UTF8.self) == harmless)
  }
}
