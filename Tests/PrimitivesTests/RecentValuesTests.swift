import Primitives
import Testing

struct RecentValuesTests {
  @Test func theOnesUsedLastAreKept() {
    var values = RecentValues<Int, Int>(limit: 100)
    for key in 0..<1000 {
      values.keep(-key, for: key)
      #expect(values.find(0) == 0)
      #expect(values.count <= 100)
    }
    #expect(values.count > 50)
    #expect(values.find(999) == -999)
    #expect(values.find(951) == -951)
    #expect(values.find(1) == nil)
  }

  @Test func aValueIsReplacedAndForgotten() {
    var values = RecentValues<String, Int>(limit: 2)
    values.keep(1, for: "a")
    values.keep(2, for: "a")
    #expect(values.find("a") == 2)
    #expect(values.count == 1)
    values.keep(3, for: "b")
    #expect(values.find("a") == 2)
    values.forget("a")
    #expect(values.find("a") == nil)
    #expect(values.find("b") == 3)
  }
}
