import Testing

@testable import Configuration

struct NoticeClassesTests {
  @Test func thePostmasterHearsOfTheClassesNamed() {
    #expect(Sample.evaluate("").configuration.noticeClasses == [.resource, .software])
    let set = Sample.evaluate("notify_classes = bounce, 2bounce data,delay, policy protocol\n")
    #expect(
      set.configuration.noticeClasses
        == [.bounce, .doubleBounce, .data, .delay, .policy, .protocol])
    #expect(Sample.evaluate("notify_classes =\n").configuration.noticeClasses.isEmpty)
  }

  @Test func aWordThatIsNoClassIsAnError() {
    let found = Sample.evaluate("notify_classes = policy, gossip\n").diagnostics
    #expect(found.map(\.severity) == [.error])
    #expect(found.first?.message.hasPrefix("expected a list of: bounce, 2bounce") == true)
  }
}
